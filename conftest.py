"""What every test may ask for."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

# Before Django reads its settings: tests own their data folder.
os.environ["ATHANOR_DATA_DIR"] = tempfile.mkdtemp(prefix="athanor-tests-")


def pytest_unconfigure() -> None:
    shutil.rmtree(os.environ["ATHANOR_DATA_DIR"], ignore_errors=True)


def pytest_runtest_setup(item: pytest.Item) -> None:
    wanted = [tool for mark in item.iter_markers("needs") for tool in mark.args]
    missing = [tool for tool in wanted if not shutil.which(tool)]
    if missing and os.environ.get("CI"):
        pytest.fail(f"missing tools: {', '.join(missing)}", pytrace=False)
    if missing:
        pytest.skip(f"needs {', '.join(missing)}")


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of sample files."""
    return Path(__file__).parent / "samples"
