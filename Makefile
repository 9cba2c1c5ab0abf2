# Athanor's commands; `make` alone lists them.
SHELL := /bin/bash
PYTHON := .venv/bin/python
# Checks must not touch the data of a stack that runs from here.
ASIDE := ATHANOR_DATA_DIR=var/check
# What brings its own list of trusted roots along uses this machine's.
export UV_SYSTEM_CERTS := true
export NODE_USE_SYSTEM_CA := 1

.DEFAULT_GOAL := help
.PHONY: help setup demo up test test-storage servers attack check fix bench matrix docs

help: ## list the commands
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' Makefile | expand -t 14

setup: ## install what is missing: system packages (with sudo when not root) and .venv
	@deploy/setup.sh

demo: setup ## convert a document, a video and a photo through the REST API, and show the results
	@$(PYTHON) -m deploy.demo

up: setup ## run the whole stack until Ctrl-C
	@exec $(PYTHON) -m deploy.embedded

servers: setup
	@deploy/servers/setup.sh

test: check servers ## all checks and all tests
	@echo "== pytest"
	@$(PYTHON) -m pytest -n auto --maxprocesses 4 --dist loadscope

test-storage: servers ## every storage provider with its real server, and the table of what came of it
	@CI=true $(PYTHON) -m deploy.storage_matrix

attack: servers ## attack a stack of its own as strangers would (part of make test)
	@CI=true $(PYTHON) -m pytest -m attack

check: setup ## what CI checks besides the tests
	@echo "== ruff" && $(PYTHON) -m ruff check . && $(PYTHON) -m ruff format --check .
	@echo "== house rules" && $(PYTHON) -m deploy.checks
	@echo "== import-linter" && .venv/bin/lint-imports --no-logo
	@echo "== mypy" && $(ASIDE) $(PYTHON) -m mypy
	@echo "== migrations" && $(ASIDE) $(PYTHON) manage.py makemigrations --check --dry-run

fix: setup ## let ruff mend what it can
	@$(PYTHON) -m ruff check --fix . ; $(PYTHON) -m ruff format .

bench: servers ## measure speed and memory, each beside its floor
	@$(PYTHON) -m deploy.bench

matrix: setup ## try every conversion on offer with real files, and print what came of each
	@$(PYTHON) -m deploy.matrix

docs: setup ## write the pages of docs/ anew, from the records
	@$(ASIDE) $(PYTHON) manage.py docs
