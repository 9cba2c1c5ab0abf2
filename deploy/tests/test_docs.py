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
DOCS = sorted(f"{path.relative_to(ROOT)}" for path in (ROOT / "docs").rglob("*.md"))


@pytest.mark.parametrize("page", [*PAGES, *DOCS])
def test_links_lead_somewhere(page):
    text = (ROOT / page).read_text()
    folder = (ROOT / page).parent
    headings = {
        re.sub(r"[^\w\- ]", "", h).lower().replace(" ", "-") for h in re.findall(r"^#+ (.+)$", text, re.M)
    }

    for target in re.findall(r"\]\(([^)]+)\)", text):
        assert target.startswith(("#", "https://")) or (folder / target).exists(), target
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


@pytest.mark.parametrize(
    ("page", "jobs"),
    [
        ("README.md", [["import/raw", "convert", "export/url"]]),
        ("docs/http.md", [["import/url", "convert", "export/url"], ["import/raw", "export/upload"]]),
        ("docs/storage/s3.md", [["import/s3", "convert", "export/s3"]]),
        ("docs/storage/azure-blob.md", [["import/azure/blob", "convert", "export/azure/blob"]]),
        ("docs/storage/openstack.md", [["import/openstack", "convert", "export/openstack"]]),
        ("docs/storage/sftp.md", [["import/sftp", "convert", "export/sftp"]]),
        ("docs/storage/ftp.md", [["import/ftp", "convert", "export/ftp"]]),
    ],
)
def test_the_jobs_of_a_page_are_ones_we_take(page, jobs, owner):
    text = (ROOT / page).read_text()
    for name, value in re.findall(r"^([A-Z]+)='(\".+?)'$", text, re.S | re.M):
        text = text.replace(f"'\"${name}\"'", value)

    drafts = [
        intake.parse_job(json.loads(payload), owner=owner)
        for payload in re.findall(r"-d '(\{.+?\})'", text, re.S)
    ]

    assert [[task.operation for task in draft.tasks] for draft in drafts] == jobs


@pytest.mark.parametrize("path", reference.pages(), ids=lambda path: path.name)
def test_pages_written_from_the_records_are_as_make_docs_writes_them(path):
    assert path.read_text() == reference.pages()[path]


def test_the_readme_counts_right():
    assert reference.sentence() in re.sub(r"\s+", " ", (ROOT / "README.md").read_text())
