from __future__ import annotations

import pytest

from jobs.contract import Inputs, OptionProblem, Work
from jobs.contract.errors import UploadFailed
from storage import upload

from .conftest import RunContext

[operation] = upload.OPERATIONS
[redirect] = operation.options


def test_no_worker_runs_it(into):
    with pytest.raises(UploadFailed):
        operation.run(Work(output_dir=into), RunContext())

    assert operation.inputs is Inputs.NONE


def test_a_redirect_is_a_url():
    assert redirect.read("https://example.com/thanks?a=b") == "https://example.com/thanks?a=b"
    with pytest.raises(OptionProblem, match=r"^The redirect format is invalid\.$"):
        redirect.read("javascript:alert(1)")
