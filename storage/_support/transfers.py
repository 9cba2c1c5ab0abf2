"""Imports and exports of a provider: names, folders, many at once; how one object moves is the provider's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from jobs.contract import Context, Inputs, Operation, Option, Output, Result, Work, names, paths
from jobs.contract.errors import FileTooLarge, TooMuchOutput
from jobs.contract.limits import OUTPUT_BYTES, OUTPUT_FILES

from . import keys, limits, refusals
from .lanes import Lanes, Load
from .place import Advance, Item, Open, Place

WORKLOAD_IDENTITY = "workload_identity"
"""Set by a saved connection whose operator allows it, never by a customer: the machine's own credentials."""


def transfers(
    name: str,
    opened: Open,
    *,
    location: Sequence[Option],
    one: Option,
    many: Option,
    called: str,
    export: Sequence[Option] = (),
    one_of: Sequence[tuple[str, ...]] = (),
    is_folder: bool = False,
    has_identity: bool = False,
) -> tuple[Operation, ...]:
    """Return the records of a provider: ``import/<name>``, ``export/<name>``, and the check of a connection.

    :param opened: the provider's class.
    :param location: where the storage is and who asks.
    :param one: names one object.
    :param many: names several: how their keys begin, or the folder they lie in.
    :param called: what people call the provider.
    :param export: what else may be said of an object that is put.
    :param one_of: groups of options of the location, of each of which one must be given.
    :param is_folder: whether ``many`` names a folder.
    :param has_identity: whether ``opened`` knows what to do where the location has ``workload_identity``.
    """
    provider = _Provider(opened, one.name, many.name, is_folder)
    place = tuple(replace(option, place=True) for option in location)
    filename = Option(
        name="filename", check=names.clean, help="The file's name; by default its own. %d counts several."
    )
    put = (
        replace(one, help=f"The {one.name} to put the file under; %d counts several files."),
        replace(many, help=f"What comes before each file's name, in place of {one.name}."),
    )
    record = partial(
        Operation,
        queue="storage",
        provider=name,
        has_identity=has_identity,
        max_seconds=limits.MAX_SECONDS,
    )
    return (
        record(
            name=f"import/{name}",
            help=f"Fetch files from {called}.",
            run=provider.bring,
            inputs=Inputs.NONE,
            options=(*place, one, many, filename),
            one_of=(*one_of, (one.name, many.name)),
        ),
        record(
            name=f"export/{name}",
            help=f"Put the files into {called}.",
            run=provider.put,
            inputs=Inputs.ALL,
            options=(*place, *put, *export),
            one_of=tuple(one_of),
        ),
        record(
            name=f"connection/{name}",
            help=f"Look whether {called} lets us in.",
            run=provider.check,
            inputs=Inputs.NONE,
            options=place,
            one_of=tuple(one_of),
            hidden=True,
        ),
    )


@dataclass(frozen=True)
class _Provider:
    """Runs the operations of one provider."""

    opened: Open
    one: str
    many: str
    is_folder: bool

    def bring(self, work: Work, context: Context) -> Result:
        """Fetch the object, or all that there are below the prefix.

        :raises StorageRefused: when the storage says no, or there is nothing.
        :raises StorageUnreachable: when it does not answer, or breaks off again and again.
        """
        with Lanes(self.opened, work.options, context) as lanes:
            items = self._items(work, lanes)
            targets = [work.output_dir / f"{number}" for number in range(len(items))]
            loads = [_fetching(*each) for each in zip(items, targets, strict=True)]
            lanes.run(loads, most=OUTPUT_BYTES)
        return Result(files=tuple(self._outputs(work, items, targets)))

    def put(self, work: Work, context: Context) -> Result:
        """Store every file; what earlier attempts left half-done is ended first.

        :raises StorageRefused: when the storage says no.
        :raises StorageUnreachable: when it does not answer, or breaks off again and again.
        """
        one = work.options[self.one]
        if one and one.endswith("/"):
            # As an object it would look like a folder's mark, which imports pass over.
            raise refusals.refused(f"{one!r} is the name of a folder, which {self.many} takes", self.one)
        wanted = keys.for_files(
            one,
            work.options[self.many],
            work.names,
            work.folders,
            is_folder=self.is_folder,
        )
        with Lanes(self.opened, work.options, context) as lanes:
            lanes.run([_tidying(each) for each in context.loose_ends])
            lanes.run([_storing(*each) for each in zip(work.inputs, wanted, strict=True)])
            if lanes.broke_off:
                lanes.run([_tidying(each) for each in context.loose_ends])
        files = zip(work.inputs, work.names, work.folders, strict=True)
        return Result(files=tuple(Output(path=path, name=name, dir=folder) for path, name, folder in files))

    def check(self, work: Work, context: Context) -> Result:
        """Say that the storage lets us in.

        :raises StorageRefused: when it does not.
        """
        with Lanes(self.opened, work.options, context) as lanes:
            lanes.run([Load(lambda place, _advance: place.check())])
        return Result(message="The storage answers.")

    def _items(self, work: Work, lanes: Lanes) -> list[Item]:
        one, many = work.options[self.one], work.options[self.many]
        found: list[Item] = []

        def look(place: Place, advance: Advance) -> None:
            for item in [place.find(one)] if one else place.items(many):
                advance(0)
                # Some storages keep an object for each folder.
                if one or not item.key.endswith("/"):
                    found.append(item)
                if len(found) > OUTPUT_FILES:
                    raise TooMuchOutput(f"There are more than {OUTPUT_FILES} files below the {self.many}.")

        lanes.run([Load(look)])
        if not found:
            raise refusals.missing(self.many, many)
        sizes = [item.size or 0 for item in found]
        if max(sizes) > limits.MAX_FILE_BYTES:
            raise FileTooLarge
        if sum(sizes) > OUTPUT_BYTES:
            raise TooMuchOutput
        return found

    def _outputs(self, work: Work, items: Sequence[Item], targets: Sequence[Path]) -> list[Output]:
        if work.options[self.one]:
            own = items[0].key.rstrip("/").rpartition("/")[2]
            return [Output(path=targets[0], name=work.options["filename"] or names.clean(own))]
        tree = paths.Paths()
        made = []
        for item, target in zip(items, targets, strict=True):
            where = keys.relative(item.key, work.options[self.many], is_folder=self.is_folder)
            folder, _, name = tree.file(where).rpartition("/")
            made.append(Output(path=target, name=name, dir=folder))
        return made


def _fetching(item: Item, target: Path) -> Load:
    def move(place: Place, advance: Advance) -> None:
        place.fetch(item, target, advance)

    return Load(move, item.size, partial(target.unlink, missing_ok=True))


def _storing(source: Path, key: str) -> Load:
    def move(place: Place, advance: Advance) -> None:
        place.store(source, key, advance)

    return Load(move, source.stat().st_size)


def _tidying(loose_end: str) -> Load:
    return Load(lambda place, _advance: place.tidy(loose_end))
