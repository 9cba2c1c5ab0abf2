"""Which tier locks programs in here: the first that proves, by trying to break out, that it holds."""

from __future__ import annotations

import functools
import logging
import os
import shutil
from collections.abc import Mapping, Sequence

from . import identities
from .bubblewrap import PATH
from .tiers import Bubblewrap, Landlock, Tier, Unlocked

__all__ = ["PATH", "Unsafe", "choose", "tier"]

log = logging.getLogger(__name__)

ASKED = "ATHANOR_CONFINEMENT"
UNSAFE = "ATHANOR_UNSAFE_RUN_ENGINES_UNCONFINED"
TIERS: Mapping[str, Tier] = {each.name: each for each in (Bubblewrap(), Landlock())}


class Unsafe(Exception):
    """Nothing here can lock programs in, and nobody said to run them all the same."""


@functools.cache
def tier() -> Tier:
    """Return the tier in force for this process's life.

    :raises Unsafe: when there is none; the text says why, and what helps.
    """
    chosen, said = choose(os.environ)
    log.log(logging.INFO if chosen.name == "bubblewrap" else logging.WARNING, "%s", said)
    from . import font_cache  # which starts programs, as the trial does

    font_cache.fill(chosen)
    return chosen


def can_run(runner: object) -> bool:
    """Tell whether what a runner starts can be locked in here; what starts nothing needs no locking in.

    :raises Unsafe: when nothing can.
    """
    profile = getattr(runner, "profile", None)
    return profile is None or tier().admits(profile)


def choose(environment: Mapping[str, str]) -> tuple[Tier, str]:
    """Return the tier to use and a sentence about it for the log.

    :raises Unsafe: when there is none.
    """
    asked = environment.get(ASKED) or "auto"
    wanted = list(TIERS) if asked == "auto" else [asked]
    if unknown := set(wanted) - set(TIERS):
        raise Unsafe(f"{ASKED}={unknown.pop()} is none of auto, {', '.join(TIERS)}.")
    reasons: list[str] = []
    for name in wanted:
        if not (holes := _holes(TIERS[name])):
            why = f" ({'; '.join(reasons)})" if reasons else ""
            return TIERS[name], f"Engines are confined by {name}, which a trial has proven.{why}"
        reasons.append(f"{name}: {', '.join(holes)}")
    if environment.get(UNSAFE, "").lower() in {"1", "true", "yes", "on"}:
        return Unlocked(), f"ENGINES RUN UNCONFINED, as {UNSAFE} says: {'; '.join(reasons)}"
    raise Unsafe(_refusal(reasons))


def _refusal(reasons: Sequence[str]) -> str:
    return (
        "Engines cannot be confined on this machine, so none is run: a stranger's file could read and send"
        f" whatever this user can. Tried: {'; '.join(reasons)}. Install bubblewrap and allow user namespaces,"
        f" or run the worker as root with Landlock (Linux 6.12); {UNSAFE}=1 runs engines all the same."
    )


def _holes(candidate: Tier) -> list[str]:
    if candidate.name == "bubblewrap" and not shutil.which("bwrap", path=PATH):
        return ["not installed"]
    if candidate.name == "landlock" and not identities.has_pool():
        return ["only root has other users to give, and that not in every container"]
    from . import trial  # which starts programs through the launcher, which asks this module

    return trial.holes(candidate)
