"""Opens a PDF with its password, for programs that would want it on their command line."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from jobs.contract import Command, Context, Result, Work
from jobs.contract.errors import ConversionFailed

from .cells import Cell
from .process import Process, outputs_of

FORBIDDEN = "The document's owner does not permit this. Set the password option to theirs."


@dataclass(frozen=True)
class Opened(Process):
    """Runs the commands on the document as its password opens it; ``source`` is where that lies."""

    copies: bool = False
    """It takes the words out, which the owner may have kept to themselves."""
    changes: bool = False
    """It writes in the pages, which the owner may have kept to themselves."""
    always: bool = False
    """Even without a password: what runs does not ask itself what the owner permits."""

    def _run(self, work: Work, cell: Cell, context: Context) -> Result:
        if not work.options.get("password") and not self.always:
            return super()._run(work, cell, context)
        deeds = [deed for deed, done in (("extract", self.copies), ("modifyother", self.changes)) if done]
        if deeds:
            told = self._launch(rights(work), cell, context, share=(0, 0)).stdout
            if not permits(told, *deeds):
                raise ConversionFailed(FORBIDDEN)
        command = opening(work)
        self._launch(command, cell, context, share=(0, 0))
        [made] = outputs_of(command, cell, work.output_dir)
        try:
            return super()._run(
                replace(work, facts={**work.facts, "opened": command.outputs[0]}), cell, context
            )
        finally:
            made.unlink()


def source(work: Work) -> str:
    """Return the path of the document that needs no password any more."""
    return f"{work.facts.get('opened', work.input)}"


def rights(work: Work) -> Command:
    """Ask whose password it is, and what its owner permits."""
    argv = [*_qpdf(), "--json=2", "--json-key=encrypt", "--", f"{work.input}"]
    # Given the owner's password it also prints the reader's.
    return Command(argv=argv, stdin=_password(work), quiet=True)


def permits(printed: str, *deeds: str) -> bool:
    """Tell from what ``rights`` printed whether the password given permits all that, in qpdf's words."""
    about = json.loads(printed)["encrypt"]
    return bool(about["ownerpasswordmatched"]) or all(about["capabilities"][deed] for deed in deeds)


def opening(work: Work) -> Command:
    """Write the document as it is without a password."""
    opened = work.output_dir / "opened.pdf"
    argv = [*_qpdf(), "--decrypt", "--", f"{work.input}", f"{opened}"]
    return Command(argv=argv, stdin=_password(work), outputs=(opened,))


def _qpdf() -> list[str]:
    # It repairs what is damaged as far as it can; how far, the next program shall judge.
    return ["qpdf", "--password-file=-", "--warning-exit-0"]


def _password(work: Work) -> bytes:
    # It may be the owner's or the reader's: the customer need not know which.
    return f"{work.options['password'] or ''}\n".encode(errors="replace")
