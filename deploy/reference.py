"""The pages of ``docs/`` that are written from the records: what becomes what, and every option."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from pathlib import Path

from deploy.places import ROOT
from jobs import connections, planner, registry
from jobs.contract import Operation, Option, formats

FOLDER = ROOT / "docs"
NOTE = "<!-- Written by `make docs` from the records in `engines/` and `storage/`: change those. -->"
MACHINE_S_OWN = ("language",)
"""Options whose values depend on what is installed."""


def pages() -> dict[Path, str]:
    """Return each page's path and text."""
    return {FOLDER / "formats.md": _formats(), FOLDER / "options.md": _options()}


@functools.cache
def reached() -> dict[str, dict[str, tuple[registry.Hop, ...]]]:
    """Return how each format becomes each other one: input, output, hops."""
    found: dict[str, dict[str, tuple[registry.Hop, ...]]] = {}
    for source, target, hops in planner.ways("convert", None):
        if source and target:
            found.setdefault(source, {})[target] = hops
    return found


def counts() -> tuple[int, int, int, int]:
    """Return how many inputs, outputs, pairs and pairs of one hop there are."""
    ways = reached()
    targets = {target for to in ways.values() for target in to}
    routes = [hops for to in ways.values() for hops in to.values()]
    return len(ways), len(targets), len(routes), sum(len(hops) == 1 for hops in routes)


def sentence() -> str:
    """Return the counts as the README has them."""
    inputs, outputs, pairs, direct = counts()
    told = f"{pairs:,} conversions ({direct:,} of them in one step)"
    return f"{told} of {inputs} input into {outputs} output formats"


def _formats() -> str:
    lines = [
        "# Formats",
        "",
        NOTE,
        "",
        f"{sentence()}. In brackets: what takes several steps, and the way it goes.",
        "",
    ]
    for group in (*formats.GROUPS, "other"):
        mine = [source for source in reached() if formats.group(source) == group]
        if mine:
            lines += [f"## {group.capitalize()}", "", "| from | to |", "|---|---|"]
            lines += [f"| {source} | {_targets(source)} |" for source in mine]
            lines.append("")
    lines += ["## Other operations", "", "| operation | engine | formats |", "|---|---|---|"]
    lines += [f"| {name} | {engine} | {taken} |" for name, engine, taken in _others()]
    return "\n".join(lines) + "\n"


def _targets(source: str) -> str:
    ways = reached()[source]
    by_engine: dict[str, list[str]] = {}
    for target, hops in ways.items():
        if len(hops) == 1:
            by_engine.setdefault(hops[0].operation.engine or "", []).append(target)
    direct = [f"{engine}: {' '.join(sorted(targets))}" for engine, targets in sorted(by_engine.items())]
    through: dict[str, list[str]] = {}
    for target, hops in ways.items():
        if len(hops) > 1:
            through.setdefault(" → ".join(hop.target for hop in hops[:-1]), []).append(target)
    far = [f"{way} → {' '.join(sorted(targets))}" for way, targets in sorted(through.items())]
    return "; ".join(direct) + (f" ({'; '.join(far)})" if far else "")


def _others() -> Iterator[tuple[str, str, str]]:
    for name in sorted({record.name for record in registry.public()} - {"convert"}):
        for engine in sorted({record.engine or "" for record in registry.named(name)}):
            records = [record for record in registry.named(name) if (record.engine or "") == engine]
            conversions = {pair for record in records for pair in record.conversions}
            sources = sorted({source for source, _ in conversions if source})
            targets = sorted({target for _, target in conversions if target})
            taken = " ".join(sources) or ("any" if conversions else "")
            yield f"`{name}`", engine, f"{taken}{' → ' if targets else ''}{' '.join(targets)}"


def _options() -> str:
    lines = ["# Options", "", NOTE, ""]
    for name in sorted({record.name for record in registry.public()}):
        lines += [f"## {name}", ""]
        for engine in sorted({record.engine or "" for record in registry.named(name)}):
            records = [record for record in registry.named(name) if (record.engine or "") == engine]
            rows = list(_rows(records))
            lines += [
                f"**{engine or 'athanor'}** {' '.join(dict.fromkeys(record.help for record in records))}",
                "",
            ]
            if rows:
                lines += ["| option | type | default | values | |", "|---|---|---|---|---|", *rows, ""]
    return "\n".join(lines).rstrip() + "\n"


def _rows(records: list[Operation]) -> Iterator[str]:
    """Return a row for each option of an engine, with the outputs it is for where those are not all."""
    declaring: dict[str, list[Operation]] = {}
    texts: dict[str, tuple[str, ...]] = {}
    for record in records:
        for option in connections.options_of(record):
            cells = _cells(option)
            key = "|".join(cells)
            texts[key] = cells
            declaring.setdefault(key, []).append(record)
    for key, cells in texts.items():
        only = "" if len(declaring[key]) == len(records) else _outputs(declaring[key])
        yield f"| {' | '.join(cells)}{only} |"


def _outputs(records: Iterable[Operation]) -> str:
    made = sorted({target for record in records for _, target in record.conversions if target})
    taken = sorted({source for record in records for source, _ in record.conversions if source})
    return f" *({'to ' if made else 'from '}{' '.join(made or taken)})*"


def _cells(option: Option) -> tuple[str, ...]:
    bounds = [f"{bound:g}" if bound is not None else "" for bound in (option.minimum, option.maximum)]
    values = ", ".join(option.values) or ("-".join(bounds) if any(bounds) else "")
    if option.name in MACHINE_S_OWN:
        values = "what is installed"
    default = "required" if option.required else "" if option.default is None else f"{option.default}".lower()
    cells = (f"`{option.name}`", option.type, default, values, option.help)
    return tuple(cell.replace("|", "/") for cell in cells)
