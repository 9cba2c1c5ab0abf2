"""What an engine or a provider declares, what it is given, and what it gives back."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from . import limits
from .option import Option, OptionProblem

if TYPE_CHECKING:
    from .errors import TaskError

__all__ = [
    "Command",
    "Context",
    "Inputs",
    "Operation",
    "Option",
    "OptionProblem",
    "Output",
    "Pair",
    "Result",
    "Runner",
    "Tool",
    "Work",
    "pairs",
]

Pair = tuple[str | None, str | None]
"""Input and output format; None where the operation has no such side: it takes any format, makes no other."""


class Inputs(enum.Enum):
    """How an operation takes the files of its input tasks."""

    NONE = "none"
    """It takes none: imports, capture-website."""
    EACH = "each"
    """It runs once per file."""
    ALL = "all"
    """It runs once with all files: archive, merge, exports."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """One run of an operation, as its planner sees it.

    Inputs lie at neutral paths (``in.docx``, ``in-2.docx``): a customer's name never becomes a path.
    """

    inputs: tuple[Path, ...] = ()
    names: tuple[str, ...] = ()
    """The customer's name of each input, cleaned; only for what must show it (archives, exports)."""
    folders: tuple[str, ...] = ()
    """The folder each input lies in for the customer, such as that of an archive; empty for none."""
    origins: tuple[str, ...] = ()
    """The name of the task that each input came from; a task on its own is named by its id."""
    output_dir: Path
    input_format: str = ""
    output_format: str = ""
    """The format wanted; the input's own where the operation leaves it as it is."""
    options: Mapping[str, Any] = field(default_factory=dict)
    related: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    """Files that belong to an option: those of the tasks it names, or its own stored content."""
    system: Path | None = None
    """A folder that holds another system, whose programs do it; None for this machine's."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What a probe of the first input found out, for planners that must know (sizes, streams)."""

    @property
    def input(self) -> Path:
        """The first input."""
        return self.inputs[0]

    @property
    def output(self) -> Path:
        """Where a single output belongs; it is published under the customer's name of the input."""
        stem = self.inputs[0].stem if self.inputs else "out"
        return self.output_dir / f"{stem}.{self.output_format}"


LineReader = Callable[[str], float | tuple[float, str] | None]
"""Reads how far a run is out of a line: percent, perhaps with a sentence for the customer; None without."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """One child process: what to run and what it must leave behind."""

    argv: Sequence[str]
    outputs: tuple[Path, ...] = ()
    """Files that must exist, and not be empty, when it ends; the run's results (of its last command)."""
    output_glob: str = ""
    """A pattern in the output folder, for tools that choose the number of files; at least one must match."""
    beside: tuple[Path, ...] = ()
    """More results (of the last command), after the others: not of the format wanted, but of their own."""
    environment: Mapping[str, str] = field(default_factory=dict)
    stdin: bytes = b""
    """Written to its standard input: what must not stand on a command line. At most 64 KiB."""
    quiet: bool = False
    """What it prints may hold secrets: it is kept for nobody, unless it fails."""
    progress: Callable[[], LineReader] | None = None
    """Makes a reader of this run's lines (both outputs)."""
    weight: float = 1.0
    """The command's share of the whole run's progress."""


@dataclass(frozen=True, kw_only=True)
class Output:
    """A file to publish. Without a name it is called after the input, with what follows its stem."""

    path: Path
    name: str | None = None
    dir: str = ""
    format: str = ""
    """Its format, where that is not the one wanted."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came out of a run."""

    files: tuple[Output, ...] = ()
    message: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    """More keys for the task's ``result``: ``metadata``, ``output``."""


class Context(Protocol):
    """What a run may ask of, and tell, the worker it runs in."""

    @property
    def owner(self) -> str:
        """Whose task this is; warm children serve one owner at a time."""

    @property
    def deadline(self) -> float:
        """When the run must have ended, on ``time.monotonic()``'s clock."""

    @property
    def stopped(self) -> str | None:
        """Why the run must stop at once (cancelled, lease lost, draining), or None."""

    @property
    def loose_ends(self) -> Sequence[str]:
        """What earlier attempts of the task had begun elsewhere, and have perhaps not ended."""

    def begun(self, loose_end: str) -> None:
        """Remember durably, before it is begun, what a later attempt must end if this one dies.

        To be called by the thread that the run began in.
        """

    def progress(self, percent: float, message: str | None = None) -> None:
        """Tell how far the run is, 0 to 100. Cheap; call it as often as you like."""

    def record(self, *, argv: Sequence[str], output: str) -> None:
        """Keep a tool's command line and the tail of its words for the operator."""


Runner = Callable[[Work, Context], Result]


@dataclass(frozen=True, kw_only=True)
class Tool:
    """The program behind an engine, or the Python package, and how to learn its version."""

    name: str
    argv: tuple[str, ...] = ()
    """Prints the version within a few seconds."""
    package: str = ""
    """A Python package that is the tool, where no program is; its version counts."""
    pattern: str = r"(\d+(?:\.\d+)+)"
    """Finds the version in what it prints; the first group counts."""


@dataclass(frozen=True, kw_only=True)
class Operation:
    """Something a customer can ask for, and who does it. The record is the whole declaration."""

    name: str
    help: str
    queue: str
    """The queue its tasks wait in; empty for what no worker runs."""
    run: Runner
    engine: str | None = None
    aliases: frozenset[str] = frozenset()
    """Other engines' names that this one answers to: commercial ones that it stands in for."""
    fallback: str | None = None
    """The engine that does it where no live worker has this one."""
    conversions: frozenset[Pair] = frozenset()
    options: tuple[Option, ...] = ()
    one_of: tuple[tuple[str, ...], ...] = ()
    """Groups of options, of each of which at least one must be given."""
    provider: str = ""
    """The kind of storage it works with; a saved connection of that kind may say where and who."""
    has_identity: bool = False
    """Whether its provider may let in the machine we run on, by an identity that the operator gave that."""
    hidden: bool = False
    """Asked for by ourselves only: no customer can, and nobody is shown it."""
    between: bool = False
    """What it makes has all that the input has, so that a route may pass through it, whatever the format."""
    final: bool = False
    """What it makes is not what others expect of its format, such as a font in an SVG: no route goes on."""
    by_engine: bool = False
    """The engine must be said: each of the operation's engines does something else."""
    inputs: Inputs = Inputs.EACH
    repeats: bool = False
    """Whether a task that is named twice is taken twice, since their order is what is asked for."""
    cost: float = 1.0
    """Routes prefer the lowest sum; 1.0 is a direct, faithful conversion."""
    max_seconds: int = limits.ENGINE_SECONDS
    """The longest one run may take, whatever ``timeout`` the customer set."""
    tool: Tool | None = None

    def answers_to(self, engine: str) -> bool:
        """Tell whether this is the engine of that name, or stands in for it."""
        return engine == self.engine or engine in self.aliases

    def offers(self, source: str | None, target: str | None) -> bool:
        """Tell whether this converts the one format to the other (canonical names)."""
        return (source, target) in self.conversions or (None, target) in self.conversions


def pairs(sources: Iterable[str], targets: Iterable[str]) -> frozenset[Pair]:
    """Return every pair of two different formats, one from each side."""
    wanted = tuple(targets)
    return frozenset((s, t) for s in sources for t in wanted if s != t)


Explain = Callable[[str], "TaskError | None"]
"""Turns a failed tool's words into the error that helps the customer; None when it knows no better."""
