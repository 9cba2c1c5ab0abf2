"""A runner for optimizers: the smaller of two files is kept, and the customer is told by how much."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from jobs.contract import Context, Result, Work

from .wrapped import Wrapped


@dataclass(frozen=True)
class Optimized(Wrapped):
    """Runs what makes one file smaller; where it does not, the file comes back as it was."""

    def __call__(self, work: Work, context: Context) -> Result:
        """Run the work.

        :raises TaskError: as the runner does.
        """
        result = self.run(work, context)
        [made] = result.files
        return replace(result, message=f"File size reduced by {keep_smaller(work.input, made.path)}%")


def keep_smaller(before: Path, made: Path) -> int:
    """Put the file from before in the place of what was made of it unless that is smaller.

    Return by how many percent, rounded down, what is there now is smaller.
    """
    size = before.stat().st_size
    if made.stat().st_size >= size:
        shutil.copyfile(before, made)
    return 100 * (size - made.stat().st_size) // size
