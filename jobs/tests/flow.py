"""Operations that need no tool, for tests of the flow; never seen outside tests."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from jobs import planner, registry, secrets
from jobs.contract import Context, Inputs, Operation, Option, Output, Result, Work, pairs
from jobs.contract.errors import (
    AddressRefused,
    ConversionFailed,
    EngineCrashed,
    EngineTimeout,
    MemoryExceeded,
    Stopped,
    StorageRefused,
    StorageUnreachable,
)

gate = threading.Event()
"""Opens what ``slow`` waits for."""
visits: list[dict[str, object]] = []
"""The options that storages were opened with while the fakes are offered."""
WRONG, SILENT = "wrong-password", "silent-password"
started: list[str] = []
"""The texts that ``shout`` was started on while the fakes are offered."""
cured = threading.Event()
"""Lets ``shout`` survive whatever ends it."""


def _bug(work: Work, _context: Context) -> None:
    raise RuntimeError(f"a bug of ours with {work.options['password']}")


def _tell(work: Work, context: Context) -> None:
    told = work.options["password"]
    context.progress(60, f"Trying {told}")
    context.record(argv=["shout", told], output=f"{told} is wrong")
    raise ConversionFailed(f"It does not open with {told}.")


def _lose_a_refusal(_work: Work, _context: Context) -> None:
    try:
        raise AddressRefused
    except AddressRefused:
        raise OSError("The server does not answer.")  # noqa: B904 - as libraries do


def _raise(error: Callable[[], BaseException]) -> Callable[[Work, Context], None]:
    def end(_work: Work, _context: Context) -> None:
        raise error()

    return end


ENDS: dict[str, Callable[[Work, Context], None]] = {
    "refuse": _raise(lambda: ConversionFailed("It refuses.")),
    "crash": _raise(EngineCrashed),
    "hang": _raise(EngineTimeout),
    "gorge": _raise(MemoryExceeded),
    "kill": _raise(lambda: SystemExit("the worker is killed")),
    "bug": _bug,
    "tell": _tell,
    "unreachable": _lose_a_refusal,
}
"""How ``shout`` ends on a text with such a first word."""


def fetch(work: Work, _context: Context) -> Result:
    """Make a file called as asked, holding the text asked for."""
    name = str(work.options["filename"] or "file.txt")
    made = work.output_dir / "made"
    made.write_text(str(work.options["text"]))
    return Result(files=(Output(path=made, name=name),))


def shout(work: Work, context: Context) -> Result:
    """Copy the input in capitals."""
    context.progress(50)
    text = work.input.read_text()
    started.append(text)
    word = text.partition(" ")[0].lower()
    if word in ENDS and not cured.is_set():
        ENDS[word](work, context)
    if text == "dated":
        # Crashes the next hop, and is never the same twice.
        text = f"crash {uuid.uuid4()}"
    while text == "slow" and not gate.wait(0.02):
        if context.stopped:
            raise Stopped(context.stopped)
    work.output.write_text(text.upper())
    context.record(argv=["shout"], output="said it")
    return Result(files=(Output(path=work.output),))


def pack(work: Work, _context: Context) -> Result:
    """Give back every input as it is."""
    named = zip(work.inputs, work.names, strict=True)
    return Result(files=tuple(Output(path=path, name=name) for path, name in named))


def visit(work: Work, _context: Context) -> Result:
    """Remember what a storage was opened with; it refuses one password, and does not answer for another."""
    visits.append(dict(work.options))
    password = work.options["password"]
    if password == WRONG:
        raise StorageRefused(f"The password {password} is refused.")
    if password == SILENT:
        raise StorageUnreachable
    return Result(message=f"There is the bucket {work.options['bucket']}.")


def bring(work: Work, context: Context) -> Result:
    """Bring one text from such a storage."""
    visit(work, context)
    made = work.output_dir / "made"
    made.write_text(f"{work.options['key']}")
    return Result(files=(Output(path=made, name="brought.txt"),))


VAULT = (
    Option(name="host", place=True, required=True, help="Where it is."),
    Option(name="port", type="integer", place=True, default=22, help="At which port."),
    Option(name="bucket", place=True, inside=True, required=True, help="What in it."),
    Option(name="user", place=True, credential=True, required=True, help="Who asks."),
    Option(name="password", place=True, secret=True, help="What proves it."),
    Option(name="private_key", place=True, secret=True, help="What proves it, too."),
)
PROVEN = (("password", "private_key"),)

VAULTS = (
    Operation(
        name="import/vault",
        provider="vault",
        has_identity=True,
        queue="storage",
        help="Bring a file.",
        run=bring,
        inputs=Inputs.NONE,
        options=(*VAULT, Option(name="key", required=True, help="Which one.")),
        one_of=PROVEN,
    ),
    Operation(
        name="connection/vault",
        provider="vault",
        has_identity=True,
        hidden=True,
        queue="storage",
        help="Try it.",
        run=visit,
        inputs=Inputs.NONE,
        options=VAULT,
        one_of=PROVEN,
    ),
    Operation(
        name="connection/cellar",
        provider="cellar",
        hidden=True,
        queue="storage",
        help="Try it.",
        run=visit,
        inputs=Inputs.NONE,
        options=VAULT,
    ),
)
"""Of two kinds of storage; offered only where they are asked for."""

OPERATIONS = (
    Operation(
        name="import/url",
        queue="storage",
        help="Make a file.",
        run=fetch,
        inputs=Inputs.NONE,
        options=(
            Option(name="text", default="hello", help="What is in it."),
            Option(name="filename", help="What it is called."),
            Option(name="headers", type="dictionary", secret=True, help="Extra headers."),
        ),
    ),
    Operation(
        name="import/raw",
        queue="storage",
        help="Keep a text.",
        run=lambda work, _context: Result(
            files=(Output(path=work.related["file"][0], name=work.options["filename"]),)
        ),
        inputs=Inputs.NONE,
        options=(
            Option(name="file", content=True, required=True, max_length=10**9, help="The text."),
            Option(name="filename", required=True, help="What it is called."),
        ),
    ),
    Operation(
        name="import/upload",
        queue="upload",
        help="Wait for a file.",
        run=fetch,
        inputs=Inputs.NONE,
        options=(Option(name="redirect", help="Where to send the browser."),),
    ),
    Operation(
        name="convert",
        engine="shouter",
        queue="shouter",
        help="Shout.",
        run=shout,
        conversions=pairs({"txt"}, {"pdf"}),
        options=(
            Option(name="quality", type="integer", minimum=1, maximum=100, default=75, help="How well."),
            Option(name="fit", type="enum", values=("max", "crop"), default="max", help="How it fits."),
            Option(name="password", secret=True, selects=True, help="Opens it."),
            Option(name="subtitles", type="list", refers=True, help="Tasks whose files to read along."),
        ),
    ),
    Operation(
        name="convert",
        engine="painter",
        queue="painter",
        help="Paint.",
        run=shout,
        conversions=pairs({"pdf"}, {"png"}),
        options=(
            Option(name="width", type="integer", minimum=1, help="Pixels."),
            Option(name="quality", type="integer", minimum=1, maximum=100, default=75, help="How well."),
            Option(name="password", secret=True, selects=True, help="Opens it."),
        ),
    ),
    Operation(
        name="archive",
        engine="archivetool",
        queue="archivetool",
        help="Put files together.",
        run=pack,
        inputs=Inputs.ALL,
        conversions=frozenset({(None, "zip")}),
    ),
    Operation(
        name="capture-website",
        engine="painter",
        queue="painter",
        help="Paint a page.",
        run=fetch,
        inputs=Inputs.NONE,
        conversions=frozenset({(None, "png")}),
        options=(Option(name="url", required=True, help="The page."), Option(name="text", help="Its text.")),
    ),
    Operation(
        name="export/url",
        queue="storage",
        help="Give links.",
        run=pack,
        inputs=Inputs.ALL,
        options=(Option(name="inline", type="boolean", default=False, help="Show in the browser."),),
    ),
)


@contextmanager
def offered(*more: Operation) -> Iterator[None]:
    """Offer the fakes, and what else is given, and nothing else, for as long as the block lasts."""
    started.clear()
    visits.clear()
    cured.clear()
    known: Callable[[], tuple[Operation, ...]] = registry.operations
    registry.operations = lambda: (*OPERATIONS, *more)  # type: ignore[assignment]
    planner.forget()
    secrets.names.cache_clear()
    try:
        yield
    finally:
        registry.operations = known  # type: ignore[assignment]
        planner.forget()
        secrets.names.cache_clear()
