"""qpdf: PDFs taken apart, put together, turned, protected and marked, in a child that is kept warm."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from jobs.contract import Context, Inputs, Operation, Option, OptionProblem, Result, Tool, Work

from ._support import pages, watermark_options
from ._support.qpdf_job import PASSWORDS
from ._support.warm import Warm

Order = Mapping[str, Any]
MOST_PASSWORD_BYTES = 127
"""AES-256 in PDF looks at no more."""
ACCESSIBLE = "allow_accessibility has no effect: with AES-256 a PDF may always be read aloud."


def _ordered(work: Work) -> Order:
    order: Order = work.facts["planner"](work)
    return order


WARM = Warm(name="qpdf", script="pdf_child.py", request=_ordered, secret=("password", *PASSWORDS))


@dataclass(frozen=True)
class Ordered:
    """Has the warm child do what a planner makes of the work: ``do``, and what that needs."""

    plan: Callable[[Work], Order]

    @property
    def profile(self) -> Any:
        """How the child is locked in."""
        return WARM.profile

    def __call__(self, work: Work, context: Context) -> Result:
        """Run the work.

        :raises TaskError: as the warm child does.
        """
        return WARM(replace(work, facts={"planner": self.plan}), context)


def encrypt(work: Work) -> Order:
    """Protect the document with new passwords."""
    return _rewrite(work, **_protection(work))


def decrypt(work: Work) -> Order:
    """Take all protection away."""
    return _rewrite(work, protection="none")


def extract(work: Work) -> Order:
    """Keep some of the pages."""
    return _rewrite(work, pages=work.options["pages"])


def rotate(work: Work) -> Order:
    """Turn pages."""
    return _rewrite(work, rotation=work.options["rotation"], rotated=work.options["pages"])


def convert(work: Work) -> Order:
    """Keep some of the pages, change the protection, and let the first page be shown while others load."""
    protection: Order = {}
    if any(work.options[name] for name in PASSWORDS):
        protection = _protection(work)
    elif work.options["password"]:
        protection = {"protection": "none"}
    return _rewrite(work, pages=work.options["pages"], linearize=True, **protection)


def split(work: Work) -> Order:
    """Make a document of every page."""
    return {**_rewrite(work), "do": "split"}


def merge(work: Work) -> Order:
    """Make one document of all."""
    return {
        "do": "merge",
        "inputs": [f"{path}" for path in work.inputs],
        "names": list(work.names),
        "output": f"{work.output_dir / 'merged.pdf'}",
        "password": work.options["password"],
    }


def watermark(work: Work) -> Order:
    """Lay a text or an image on pages.

    :raises ConversionFailed: when the task named for the image has no file.
    """
    image = watermark_options.image(work, "image")
    return {
        **_rewrite(work),
        "do": "watermark",
        "image": f"{image}" if image else None,
        "options": {name: value for name, value in work.options.items() if name != "password"},
    }


def _rewrite(work: Work, **more: Any) -> dict[str, Any]:
    return {
        "do": "rewrite",
        "input": f"{work.input}",
        "output": f"{work.output}",
        "password": work.options["password"],
        **more,
    }


def _protection(work: Work) -> dict[str, Any]:
    wanted = (*PASSWORDS, "allow_extract", "allow_modify", "allow_print")
    silenced = not work.options["allow_accessibility"]
    return {
        "protection": "new",
        **{name: work.options[name] for name in wanted},
        **({"message": ACCESSIBLE} if silenced else {}),
    }


def _fits(text: str) -> str:
    # Cut off, it would open the document all the same, to somebody who knows only the beginning.
    if len(text.encode(errors="replace")) > MOST_PASSWORD_BYTES:
        raise OptionProblem(f"The passwords to set must be at most {MOST_PASSWORD_BYTES} bytes long.")
    return text


PASSWORD = Option(
    name="password",
    help="The password that opens the document.",
    secret=True,
    selects=True,
    max_length=1024,
)
PROTECTION = (
    Option(
        name="set_password",
        help="The password for opening what is made; it is encrypted with AES-256.",
        secret=True,
        check=_fits,
    ),
    Option(
        name="set_owner_password",
        help="The password for doing what is not allowed; when not given, nobody has one.",
        secret=True,
        check=_fits,
    ),
    Option(name="allow_extract", help="Let text and images be copied.", type="boolean", default=True),
    Option(
        name="allow_accessibility",
        help="Let it be read aloud. PDFs encrypted with AES-256 always do, so false has no effect.",
        type="boolean",
        default=True,
    ),
    Option(
        name="allow_modify",
        help="What may be changed: nothing, the order of pages, forms as well, notes as well, or all.",
        type="enum",
        default="all",
        values=("none", "assembly", "form", "annotate", "all"),
        aliases={"false": "none", "true": "all"},
    ),
    Option(
        name="allow_print",
        help="How it may be printed: not at all, coarsely, or in full.",
        type="enum",
        default="full",
        values=("none", "low", "full"),
        aliases={"false": "none", "true": "full"},
    ),
)
PAGES = Option(
    name="pages",
    help="The pages to keep, counted from 1, in the order wanted: such as 5-7,1 or 7- to the end.",
    pattern=pages.SEVERAL,
    example="1-2,5",
    selects=True,
    check=pages.tidy,
)
TURNED = replace(pages.option(), help="The pages to turn, such as 1-2,5 or 7- to the end; all by default.")
ROTATION = Option(
    name="rotation",
    help="Degrees, clockwise: +90 and -90 turn a page from how it stands, 90 to where it then stands.",
    required=True,
    pattern="[+-]?(0|90|180|270)",
    example="+90",
)
MARKED = replace(pages.option(), help="The pages to mark, such as 1-2,5 or 7- to the end; all by default.")
LAYER = Option(
    name="layer",
    help="Whether the watermark lies above or below what the page shows.",
    type="enum",
    default="above",
    values=("above", "below"),
)
MARK = tuple(
    replace(
        option,
        help=option.help.replace("pixels", "points (1/72 inch)")
        .replace("Pixels", "Points (1/72 inch)")
        .replace("picture", "page")
        .replace("PNG, JPG, SVG, ...", "PNG, JPG, WebP, GIF, TIFF, BMP, SVG or PDF"),
    )
    for option in watermark_options.OPERATION_OPTIONS
)
TOOL = Tool(name="qpdf", argv=("qpdf", "--version"))


def _operation(
    name: str, text: str, plan: Callable[[Work], Order], *options: Option, **more: Any
) -> Operation:
    return Operation(
        name=name,
        engine="qpdf",
        queue="qpdf",
        help=text,
        run=Ordered(plan),
        options=(*options, PASSWORD),
        tool=TOOL,
        **{"conversions": frozenset({("pdf", None)}), **more},
    )


OPERATIONS = (
    _operation(
        "convert",
        "Rewrite a PDF: pages chosen, protection changed, ready to be shown while it loads.",
        convert,
        replace(PAGES, help=f"{PAGES.help} All when not given."),
        *PROTECTION,
        conversions=frozenset({("pdf", "pdf")}),
    ),
    _operation(
        "merge",
        "Make one PDF of files, in their order, with the bookmarks, links and forms of all.",
        merge,
        inputs=Inputs.ALL,
        repeats=True,
        conversions=frozenset({("pdf", "pdf")}),
    ),
    _operation(
        "watermark",
        "Lay a text or an image on the pages of a PDF.",
        watermark,
        MARKED,
        LAYER,
        *MARK,
        one_of=watermark_options.ONE_OF,
    ),
    _operation("pdf/encrypt", "Protect a PDF with passwords.", encrypt, *PROTECTION, one_of=(PASSWORDS,)),
    _operation("pdf/decrypt", "Take a PDF's protection away.", decrypt),
    _operation("pdf/split-pages", "Make a PDF of every page.", split),
    _operation("pdf/extract-pages", "Keep some pages of a PDF.", extract, replace(PAGES, required=True)),
    _operation("pdf/rotate-pages", "Turn pages of a PDF.", rotate, TURNED, ROTATION),
)
