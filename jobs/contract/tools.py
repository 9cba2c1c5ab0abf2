"""Asking a program, or a Python package, for its version."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
from collections.abc import Callable, Sequence

from .operation import Tool

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where programs are looked for, whatever the worker's own environment says."""
Ask = Callable[[Sequence[str]], str]
"""Runs a command line and returns what it printed."""


def installed(tool: Tool) -> bool:
    """Tell whether the program is there, or the package."""
    if tool.package:
        return _of_package(tool.package) is not None
    return shutil.which(tool.argv[0], path=PATH) is not None


def version(tool: Tool, ask: Ask) -> str | None:
    """Return the tool's version; None when it is missing or does not say."""
    if tool.package:
        return _of_package(tool.package)
    if not installed(tool):
        return None
    found = re.search(tool.pattern, ask(tool.argv))
    return found.group(1) if found else None


def _of_package(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
