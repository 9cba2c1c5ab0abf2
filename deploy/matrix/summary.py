"""What is printed of the outcomes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from .running import BAD, CONVERTED, REFUSED, Outcome


def summary(outcomes: Sequence[Outcome]) -> str:
    """Return the table by engine, the reasons of refusals, and what is bad or surprising one by one."""
    good = [each for each in outcomes if not each.trial.sample.fault]
    broken = [each for each in outcomes if each.trial.sample.fault]
    parts = [
        _by_engine("whole files", good),
        _by_engine("broken files", broken),
        _reasons(outcomes),
        _listed("whole files refused", (each for each in good if each.kind == REFUSED)),
        _listed("bad", (each for each in outcomes if each.kind == BAD)),
        _listed("slowest", sorted(outcomes, key=lambda each: -each.seconds)[:10]),
    ]
    pairs = {(o.trial.operation, o.trial.engine, o.trial.sample.format, o.trial.target) for o in outcomes}
    kinds = Counter(each.kind for each in outcomes)
    told = f"{kinds[CONVERTED]} converted, {kinds[REFUSED]} refused with reason, {kinds[BAD]} bad"
    return "\n\n".join([*filter(None, parts), f"{len(pairs)} pairs tried in {len(outcomes)} runs: {told}"])


def _by_engine(title: str, outcomes: Sequence[Outcome]) -> str:
    if not outcomes:
        return ""
    lines = [f"{title:<28}{'tried':>8}{'converted':>11}{'refused':>9}{'bad':>6}"]
    for who in sorted({(each.trial.operation, each.trial.engine or "") for each in outcomes}):
        mine = [each for each in outcomes if (each.trial.operation, each.trial.engine or "") == who]
        kinds = Counter(each.kind for each in mine)
        counts = f"{len(mine):>8}{kinds[CONVERTED]:>11}{kinds[REFUSED]:>9}{kinds[BAD]:>6}"
        lines.append(f"{' '.join(who):<28.28}{counts}")
    return "\n".join(lines)


def _reasons(outcomes: Iterable[Outcome]) -> str:
    counts = Counter((each.code, each.message) for each in outcomes if each.kind == REFUSED)
    lines = [f"{number:>6}  {code}  {message[:110]}" for (code, message), number in counts.most_common(40)]
    return "\n".join(["reasons", *lines]) if lines else ""


def _listed(title: str, outcomes: Iterable[Outcome]) -> str:
    lines = [f"  {o.seconds:6.1f} s  {o.trial}  {o.code} {o.message[:200]}".rstrip() for o in outcomes]
    return "\n".join([title, *lines]) if lines else ""
