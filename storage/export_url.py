"""export/url: files for download from a link of ours, for as long as they are kept."""

from __future__ import annotations

from collections.abc import Callable

from jobs.contract import Context, Inputs, Operation, Option, Output, Result, Work, paths

from ._support import bundle, limits

BUNDLE = "files.zip"


def store(work: Work, context: Context) -> Result:
    """Give the files back as they are, or one ZIP of them; the API makes the links."""
    if len(work.inputs) < 2 or not work.options["archive_multiple_files"]:
        pairs = zip(work.inputs, work.names, strict=True)
        return Result(files=tuple(Output(path=path, name=name) for path, name in pairs))
    target = work.output_dir / BUNDLE
    members = zip(paths.unique(work.names, work.folders), work.inputs, strict=True)
    bundle.write(target, list(members), advance=_pace(work, context))
    return Result(files=(Output(path=target, name=BUNDLE),))


def _pace(work: Work, context: Context) -> Callable[[int], None]:
    watch = limits.Watch(context)
    total = sum(path.stat().st_size for path in work.inputs) or 1
    done = 0

    def advance(size: int) -> None:
        nonlocal done
        watch()
        done += size
        context.progress(100 * done / total)

    return advance


OPERATIONS = (
    Operation(
        name="export/url",
        queue="storage",
        help="Offer the files for download.",
        run=store,
        inputs=Inputs.ALL,
        max_seconds=limits.MAX_SECONDS,
        options=(
            Option(
                name="inline",
                type="boolean",
                default=False,
                help="Let browsers show the files instead of saving them.",
            ),
            Option(
                name="archive_multiple_files",
                type="boolean",
                default=False,
                help="Offer several files as one ZIP.",
            ),
            Option(
                name="inline_additional",
                type="boolean",
                default=False,
                help="Let browsers show also those files that are not the main result.",
            ),
        ),
    ),
)
