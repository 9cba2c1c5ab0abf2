"""`make matrix`: try every conversion on offer with real files, and print what came of each."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

from deploy.client import Client
from deploy.stack import Stack
from jobs import registry

from . import samples
from .running import BAD, Outcome, Runs
from .summary import summary
from .trials import Row, Sample, Step, Trial, covering, trials


def main() -> int:
    """Run; the exit status is 1 when something was bad."""
    parser = argparse.ArgumentParser(prog="make matrix", description=__doc__)
    parser.add_argument(
        "--cover", action="store_true", help="Few pairs, in which each engine meets each format."
    )
    parser.add_argument("--only", default="", help="Only engines, operations or formats of this name.")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="athanor-matrix-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # as a data folder is: engines' users pass through
        with Stack(folder / "var", say=_say) as stack:
            outcomes = tried(stack.about, folder, cover=asked.cover, only=asked.only)
    print(summary(outcomes))
    return any(each.kind == BAD for each in outcomes)


def tried(about: dict[str, Any], folder: Path, *, cover: bool, only: str = "") -> list[Outcome]:
    """Try what is on offer on a running stack."""
    client = Client(about)
    rows = client.call("GET", "/v2/operations?alternatives=true")["data"]
    found = chosen(rows, _samples(client, rows, folder), cover=cover, only=only)
    _say(f"{len(found)} runs")
    return Runs(about, folder, _tell).run(found)


def chosen(rows: list[Row], files: list[Sample], *, cover: bool, only: str = "") -> list[Trial]:
    """Return what to try of the rows with these files."""
    found = [trial for trial in trials(rows, files) if not only or only in _names(trial)]
    return covering(found, _direct()) if cover else found


def _names(trial: Trial) -> set[str]:
    return {trial.operation, trial.engine or "", trial.sample.format, trial.target or ""}


def _samples(client: Client, rows: list[Row], folder: Path) -> list[Sample]:
    whole = [*samples.shipped(), *samples.written(folder)]
    whole += samples.grown(client, rows, whole, folder, _say)
    return [*whole, *samples.broken(whole, folder)]


def _direct() -> frozenset[Step]:
    records = registry.operations()
    return frozenset((o.name, o.engine or "", s, t) for o in records for s, t in o.conversions)


def _say(text: str) -> None:
    print(f"matrix: {text}", file=sys.stderr, flush=True)


def _tell(done: int, of: int) -> None:
    if not done % 100 or done == of:
        _say(f"{done} of {of}")


if __name__ == "__main__":
    sys.exit(main())
