"""Running the qpdf engine in a test."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from engines import qpdf
from engines.tests.context import RunContext
from jobs.contract import Operation, Result, Work


def operation(name: str) -> Operation:
    """Return the engine's record of that operation."""
    [found] = [op for op in qpdf.OPERATIONS if op.name == name]
    return found


def read(name: str, **options: Any) -> dict[str, Any]:
    """Return the options as the engine gets them."""
    op = operation(name)
    known = {o.name: o.default for o in op.options}
    assert set(options) <= set(known)
    return known | {o.name: o.read(options[o.name]) for o in op.options if o.name in options}


def run(
    name: str, *inputs: Path, names: tuple[str, ...] = (), image: Path | None = None, **options: Any
) -> tuple[list[Path], Result, RunContext]:
    """Run an operation on documents; return the paths of what was made, and all that was told."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    out = folder / "out"
    out.mkdir()
    work = Work(
        inputs=tuple(
            shutil.copy(path, folder / f"in-{number}.pdf" if number > 1 else folder / "in.pdf")
            for number, path in enumerate(inputs, 1)
        ),
        names=names or tuple(path.name for path in inputs),
        output_dir=out,
        input_format="pdf",
        output_format="pdf",
        options=read(name, **options, **({"image": "logo"} if image else {})),
        related={"image": (image,)} if image else {},
    )
    context = RunContext()
    result = operation(name).run(work, context)
    return [file.path for file in result.files], result, context
