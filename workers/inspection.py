"""The look at strangers' files before an engine is given them, whichever engine it is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import BinaryIO

from jobs import files, registry, routing
from jobs.contract import detection, errors, formats
from jobs.models import File, Task

LOCKED = "{} is protected by a password, and this conversion does not open protected files."
OPENABLE = "{} is protected by a password. Set the password option to the right one."


def inspect(task: Task, rows: Iterable[File]) -> None:
    """Refuse files that are not what the task takes them for, need a password, or are beyond the limits.

    :raises TaskError: with what the file is, or what helps.
    """
    looked = list(rows)
    for row in looked:
        if not row.size:
            raise errors.EmptyFile
        with files.open(row.key) as file:
            _inspect(task, row, file, called="The file" if len(looked) == 1 else row.name)


def _inspect(task: Task, row: File, file: BinaryIO, *, called: str) -> None:
    taken = routing.format_of(task, row)
    finding = detection.detect(file)
    if refusal := detection.refusal(taken, finding, asked=bool(task.payload.get("input_format"))):
        raise refusal
    if finding.encrypted and not task.payload.get("password"):
        sentence = OPENABLE if _takes_password(task) else LOCKED
        raise errors.PasswordRequired(sentence.format(called))
    film = formats.group(task.payload.get("output_format")) == "video"
    detection.check(file, finding, taken=taken, film=film)


def _takes_password(task: Task) -> bool:
    records = [registry.hop(key).operation for key in task.plan]
    return any(option.name == "password" for record in records for option in record.options)
