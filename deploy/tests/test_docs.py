"""What the pages for people say is there, is there."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from deploy import reference
from jobs import intake

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(path.name for path in ROOT.glob("*.md"))


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    text = (ROOT / page).read_text()
    headings = {
        re.sub(r"[^\w\- ]", "", h).lower().replace(" ", "-") for h in re.findall(r"^#+ (.+)$", text, re.M)
    }

    for target in re.findall(r"\]\(([^)]+)\)", text):
        assert target.startswith("#") or (ROOT / target).exists(), target
        assert not target.startswith("#") or target[1:] in headings, target


@pytest.mark.parametrize("page", PAGES)
def test_commands_are_in_the_makefile(page):
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))

    assert set(re.findall(r"(?:`|^)make ([a-z]+)", (ROOT / page).read_text(), re.M)) <= targets


@pytest.mark.parametrize("page", PAGES)
def test_paths_exist(page):
    text = (ROOT / page).read_text()
    folders = "api|jobs|engines|storage|workers|deploy"

    for path in re.findall(rf"`((?:{folders})/[\w./]*)`", text):
        assert (ROOT / path).exists() or Path(path).stem == "x" or "test_x" in path, path


def test_the_readme_s_job_is_one_we_take(owner):
    [payload] = re.findall(r"-d '(\{.+?\})'", (ROOT / "README.md").read_text(), re.S)

    draft = intake.parse_job(json.loads(payload), owner=owner)

    assert [task.operation for task in draft.tasks] == ["import/raw", "convert", "export/url"]


def test_the_put_of_the_page_is_a_job_we_take(owner):
    [payload] = re.findall(r"-d '(\{.+?\})'", (ROOT / "docs" / "http.md").read_text(), re.S)

    draft = intake.parse_job(json.loads(payload), owner=owner)

    assert [task.operation for task in draft.tasks] == ["import/raw", "export/upload"]


@pytest.mark.parametrize("path", reference.pages(), ids=lambda path: path.name)
def test_pages_written_from_the_records_are_as_make_docs_writes_them(path):
    assert path.read_text() == reference.pages()[path]


def test_the_readme_counts_right():
    assert reference.sentence() in re.sub(r"\s+", " ", (ROOT / "README.md").read_text())
