from __future__ import annotations

import os
import subprocess
import sys

import pytest


def read_with(**environment: str) -> subprocess.CompletedProcess[str]:
    """Read the settings in a process of its own, as every program of ours does when it starts."""
    argv = [sys.executable, "-c", "import deploy.settings as s; print(s.ATHANOR_OUTBOUND_ALLOW)"]
    env = {**os.environ, **environment}
    return subprocess.run(argv, env=env, capture_output=True, text=True, check=False)


def test_where_urls_may_lead_is_read_from_the_environment():
    done = read_with(ATHANOR_OUTBOUND_ALLOW="10.0.0.0/8, files.internal", ATHANOR_OUTBOUND_PORTS="81,82")

    assert done.stdout.strip() == "('10.0.0.0/8', 'files.internal')", done.stderr


@pytest.mark.parametrize(
    ("name", "text"), [("ATHANOR_OUTBOUND_ALLOW", "10.0.0.1/8"), ("ATHANOR_OUTBOUND_PORTS", "http")]
)
def test_nothing_starts_with_a_rule_that_cannot_be_read(name, text):
    done = read_with(**{name: text})

    assert done.returncode
    assert f"{name}={text!r} cannot be read" in done.stderr
