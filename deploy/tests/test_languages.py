"""A language that nobody here can read is refused before any file comes."""

from __future__ import annotations

import pytest

from engines import ocrmypdf
from jobs import intake
from jobs.contract.errors import InvalidData


@pytest.mark.needs("tesseract")
def test_a_language_that_is_not_installed_is_refused_with_those_that_are(owner):
    tasks = {
        "in": {"operation": "import/upload"},
        "read": {"operation": "pdf/ocr", "input": "in", "input_format": "pdf", "language": ["eng", "tlh"]},
    }

    with pytest.raises(InvalidData) as refusal:
        intake.parse_job({"tasks": tasks}, owner=owner)

    assert refusal.value.problems == {
        "tasks.read.language": [f"The language must be one of: {', '.join(ocrmypdf.LANGUAGES)}."]
    }
