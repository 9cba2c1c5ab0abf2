"""What follows for a graph of tasks from the states of some; pure."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from .states import FINAL, Status

Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True)
class Node:
    """What decides about a task: its state and whether its failure is ignored."""

    status: Status
    ignore_error: bool = False

    @property
    def failed(self) -> bool:
        """Whether it dooms what needs it."""
        return self.status == Status.ERROR and not self.ignore_error


def moves(links: Mapping[Name, Iterable[Name]], nodes: Mapping[Name, Node]) -> dict[Name, Status]:
    """Return the next state of every waiting task that its inputs have decided.

    A task is ready when all its inputs are final and none has failed. It is doomed as soon as one has
    failed, and dooms in turn what waits for it. An ignored failure counts as an input without files, unless
    every input failed: then there is nothing to work on, and the failure passes on.
    """
    decided: dict[Name, Status] = {}
    now = dict(nodes)
    again = True
    while again:
        again = False
        for name, inputs in links.items():
            if now[name].status != Status.WAITING:
                continue
            needed = [now[i] for i in inputs]
            target = _decide(needed)
            if target:
                decided[name] = target
                now[name] = Node(target, now[name].ignore_error)
                again = again or target == Status.ERROR
    return decided


def _decide(inputs: list[Node]) -> Status | None:
    if any(node.failed for node in inputs):
        return Status.ERROR
    if any(node.status not in FINAL for node in inputs):
        return None
    if inputs and all(node.status == Status.ERROR for node in inputs):
        return Status.ERROR
    return Status.QUEUED


def outcome(nodes: Iterable[Node]) -> Status | None:
    """Return how a job ended, or None while a task is still to end.

    A task's failure fails the job unless the task said ``ignore_error``.
    """
    seen = list(nodes)
    if any(node.status not in FINAL for node in seen):
        return None
    return Status.ERROR if any(node.failed for node in seen) else Status.FINISHED


def cycle(links: Mapping[Name, Iterable[Name]]) -> list[Name]:
    """Return the members of a cycle in order, or an empty list. Links to unknown names are ignored."""
    remaining = {name: {i for i in inputs if i in links} for name, inputs in links.items()}
    while free := [name for name, inputs in remaining.items() if not inputs]:
        for name in free:
            del remaining[name]
        for inputs in remaining.values():
            inputs.difference_update(free)
    if not remaining:
        return []
    path: list[Name] = []
    name = next(iter(remaining))
    while name not in path:
        path.append(name)
        name = next(iter(remaining[name]))
    return path[path.index(name) :]


def depth(links: Mapping[Name, Iterable[Name]]) -> int:
    """Return the length of the longest chain of tasks in a graph without cycles."""
    known: dict[Name, int] = {}
    pending = dict(links)
    while pending:
        for name, inputs in list(pending.items()):
            inside = [i for i in inputs if i in links]
            if all(i in known for i in inside):
                known[name] = 1 + max((known[i] for i in inside), default=0)
                del pending[name]
    return max(known.values(), default=0)
