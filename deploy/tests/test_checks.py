from __future__ import annotations

from pathlib import Path

import pytest

from deploy import checks

LONG = "x = 1\n" * 401


@pytest.mark.parametrize(
    ("path", "text", "sentence"),
    [
        ("jobs/x.py", LONG, "401 lines are more than 400"),
        ("jobs/utils.py", "", "name the thing"),
        ("jobs/x.py", "import subprocess\nsubprocess.run([])\n", "only engines/_support/launcher.py"),
        ("jobs/x.py", "import subprocess as s\ns.Popen([])\n", "only engines/_support/launcher.py"),
        ("jobs/x.py", "from subprocess import run\n", "only engines/_support/launcher.py"),
        ("engines/x.py", "import os\nos.system('x')\n", "only engines/_support/launcher.py"),
        ("engines/x.py", "import os\nos.execv('x', [])\n", "only engines/_support/launcher.py"),
        ("api/x.py", "import asyncio\nasyncio.create_subprocess_exec('x')\n", "launcher.py starts programs"),
        ("jobs/x.py", "from django.db.models import signals\n", "call a service"),
        ("jobs/x.py", "from django.dispatch import receiver\n", "call a service"),
    ],
)
def test_what_breaks_a_house_rule_is_found(path, text, sentence):
    [(_, found)] = checks.findings(Path(path), text)

    assert sentence in found


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("jobs/x.py", "x = 1\n" * 400),
        ("jobs/tests/test_x.py", LONG + "import subprocess\nsubprocess.run([])\n"),
        ("jobs/migrations/0001_initial.py", LONG),
        ("engines/_support/launcher.py", "import subprocess\nsubprocess.Popen([])\n"),
        ("engines/_support/cdp.py", "import subprocess\nsubprocess.Popen([])\n"),
        ("deploy/stack.py", "import subprocess\nsubprocess.run([])\n"),
        ("engines/_support/warm.py", "import subprocess\nsubprocess.PIPE\n"),
        ("storage/base64.py", "import os\nos.path.join('a')\nos.getpid()\n"),
    ],
)
def test_what_keeps_the_rules_is_left_alone(path, text):
    assert list(checks.findings(Path(path), text)) == []
