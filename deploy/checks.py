"""House rules that no other tool checks: length and names of modules, who starts programs, no signals."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

MOST_LINES = 400
MAY_START_PROGRAMS = (
    "engines/_support/launcher.py",
    # How it holds programs, and locks them in.
    "engines/_support/programs.py",
    "engines/_support/landlock_shim.py",
    "engines/_support/tiers.py",
    # What runs inside a child of ours: the launcher started and confined it, and kills it with all it starts.
    "engines/_support/archive_flows.py",
    "engines/_support/cdp.py",
    "engines/_support/libreoffice_office.py",
    "deploy/",
)
STARTERS = {
    "subprocess": {"Popen", "run", "call", "check_call", "check_output", "getoutput", "getstatusoutput"},
    "os": {"system", "popen", "fork", "forkpty", "posix_spawn", "posix_spawnp"},
    "pty": {"fork", "spawn"},
    "asyncio": {"create_subprocess_exec", "create_subprocess_shell"},
}
STARTER_PREFIXES = {"os": ("exec", "spawn")}
SIGNAL_MODULES = ("django.dispatch", "django.db.models.signals", "django.core.signals", "django.test.signals")
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "base", "manager", "handler", "misc"}

Finding = tuple[int, str]


def main() -> int:
    """Check every tracked or new module; print what is wrong, and return the exit status."""
    found = [
        f"{path}:{line}: {sentence}"
        for path in _modules()
        for line, sentence in sorted(findings(path, path.read_text()))
    ]
    sys.stdout.writelines(f"{line}\n" for line in found)
    return 1 if found else 0


def findings(path: Path, text: str) -> Iterator[Finding]:
    """Yield the lines of a module that break a rule, with what to do about it."""
    if {"tests", "migrations"} & set(path.parts):
        return
    lines = text.count("\n")
    if lines > MOST_LINES:
        yield lines, f"{lines} lines are more than {MOST_LINES}: find the second idea in it."
    if path.stem in EMPTY_NAMES:
        yield 1, f"{path.stem!r} says nothing: name the thing."
    nodes = list(ast.walk(ast.parse(text)))
    yield from _signals(nodes)
    if not f"{path}".startswith(MAY_START_PROGRAMS) and path.name != "conftest.py":
        yield from _starts(nodes)


def _modules() -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.py"],
        capture_output=True,
        check=False,
        text=True,
    )
    if listing.returncode == 0:
        return [path for name in listing.stdout.split("\0") if name and (path := Path(name)).is_file()]
    # A source archive has no git.
    hidden = {".venv", "var", "node_modules"}
    return [path for path in Path().rglob("*.py") if not hidden & set(path.parts)]


def _signals(nodes: list[ast.AST]) -> Iterator[Finding]:
    for node in nodes:
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        if any(name.startswith(SIGNAL_MODULES) for name in names) and isinstance(node, ast.stmt):
            yield node.lineno, "Django's signals hide who calls whom: call a service."


def _starts(nodes: list[ast.AST]) -> Iterator[Finding]:
    sentence = "only engines/_support/launcher.py starts programs: use it."
    modules = _imported_as(nodes)
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            if any(_is_starter(node.module or "", alias.name) for alias in node.names):
                yield node.lineno, sentence
        elif (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and _is_starter(modules.get(node.value.id, ""), node.attr)
        ):
            yield node.lineno, sentence


def _imported_as(nodes: list[ast.AST]) -> dict[str, str]:
    return {
        alias.asname or alias.name: alias.name
        for node in nodes
        if isinstance(node, ast.Import)
        for alias in node.names
    }


def _is_starter(module: str, name: str) -> bool:
    return name in STARTERS.get(module, ()) or name.startswith(STARTER_PREFIXES.get(module, ("\0",)))


if __name__ == "__main__":
    sys.exit(main())
