"""Runners around a runner: what they start is started, and locked in, like the inner one's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jobs.contract import Context, Result, Runner, Work

from .cells import USUAL
from .room import Profile, Room


@dataclass(frozen=True)
class Wrapped:
    """Runs the inner runner; others build on it."""

    run: Runner

    def __call__(self, work: Work, context: Context) -> Result:
        """Run the work.

        :raises TaskError: as the runner does.
        """
        return self.run(work, context)

    @property
    def profile(self) -> Profile:
        """How much of the machine a program of the inner runner may have."""
        found: Profile = getattr(self.run, "profile", USUAL)
        return found

    @property
    def bare_room(self) -> Room:
        """What a program sees that is like those, and is given no work."""
        found: Room = getattr(self.run, "bare_room", Room())
        return found


@dataclass(frozen=True)
class Translated(Wrapped):
    """Runs another work than it is given: an operation that is another one with other words."""

    translate: Callable[[Work], Work]

    def __call__(self, work: Work, context: Context) -> Result:
        """Run the work.

        :raises TaskError: as the runner does.
        """
        return self.run(self.translate(work), context)
