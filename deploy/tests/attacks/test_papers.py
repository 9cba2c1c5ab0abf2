"""Documents made to be too much: each ends in a file, or with a clear failure."""

from __future__ import annotations

import pytest

from deploy.tests.attacks.test_bombs import papers
from engines import qpdf
from engines.tests.qpdf_runs import run
from engines.tests.test_qpdf_merging import by_hand
from jobs.contract.errors import TaskError

pytestmark = [pytest.mark.attack, pytest.mark.needs("qpdf")]

WAYS = {
    "convert": {"pages": "1"},
    "merge": {},
    "pdf/decrypt": {},
    "pdf/encrypt": {"set_password": "p"},
    "pdf/extract-pages": {"pages": "1"},
    "pdf/rotate-pages": {"rotation": "+90"},
    "pdf/split-pages": {},
    "watermark": {"text": "x"},
}
TOO_MANY = {"a claimed million", "a thousand names"}
WITHOUT_PAGES = {"a million pages", "own parent", "circle"}


@pytest.fixture(scope="module", autouse=True)
def _closed():
    yield
    qpdf.WARM.close()


def nested(depth):
    """Return a document whose page lies that deep in its tree of pages."""
    nodes = [
        f"<< /Type /Pages /Count 1 /Parent {n - 1} 0 R /Kids [{n + 1} 0 R] >>" for n in range(3, depth + 3)
    ]
    return by_hand(*nodes, f"<< /Type /Page /Parent {depth + 2} 0 R /MediaBox [0 0 9 9] >>")


PAPERS = {**papers(), "nested": nested(2000)}


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("paper", PAPERS)
def test_a57_a_paper_without_end_ends(tmp_path, name, paper):
    path = tmp_path / "in.pdf"
    path.write_bytes(PAPERS[paper])

    found = outcome(name, path)

    if paper in TOO_MANY:
        assert found == "FILE_TOO_LARGE"
    elif paper in WITHOUT_PAGES:
        assert found == "OPEN_FAILED"
    else:
        assert found == "CONVERSION_FAILED" or sum(found) < 10_000_000


def outcome(name, path):
    """Return the sizes of the files made, or the code of the failure."""
    try:
        files, _, _ = run(name, path, **WAYS[name])
    except TaskError as error:
        return error.code
    return [file.stat().st_size for file in files]
