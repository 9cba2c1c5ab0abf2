"""The rows of the table that are about engines: what they do, each over its bare run."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from deploy.client import download
from engines import libreoffice
from jobs.contract import Context, Operation, Work

from . import inputs
from .measure import Row, in_turn, timed
from .quiet import Quiet
from .rows import SAMPLES, Bench

SMALL_IMAGES = 50
MERGED = 10
SCANNED = 5


def document(bench: Bench) -> Row:
    """A DOCX of 100 pages to PDF, over the same conversion by the warm engine alone."""
    source = _made(bench, inputs.pages_html(bench.folder, 100), "docx")
    task = bench.client.upload(source)
    record = next(each for each in libreoffice.OPERATIONS if each.offers("docx", "pdf"))
    context: Context = Quiet()
    ours, floor = in_turn(
        bench.count,
        lambda: timed(lambda: bench.client.convert(task, output_format="pdf")),
        lambda: _alone(record, source, context),
    )
    return Row("100-page docx to pdf", ours, floor, "warm engine alone", 1.25, is_ratio=True)


def _alone(record: Operation, source: Path, context: Context) -> float:
    with tempfile.TemporaryDirectory() as folder:
        inside = Path(folder, "in.docx")
        inside.write_bytes(source.read_bytes())
        out = Path(folder, "out")
        out.mkdir()
        options = {option.name: option.default for option in record.options}
        work = Work(
            inputs=(inside,), output_dir=out, input_format="docx", output_format="pdf", options=options
        )
        return timed(lambda: record.run(work, context))


def image(bench: Bench) -> Row:
    """A photo of 12 megapixels to WebP, 1920 pixels wide, over ImageMagick's command line."""
    source = inputs.photo(bench.folder)
    options = {"output_format": "webp", "width": 1920}
    floor = ("/usr/bin/convert", f"{source}", "-resize", "1920x", f"{bench.folder / 'floor.webp'}")
    return _over(bench, "12 MP jpg to webp 1920", source, options, floor, 0.40)


def small_images(bench: Bench) -> Row:
    """Many small images in one job, over as many bare starts of ImageMagick."""
    source = inputs.small_image(bench.folder)
    uploads = [bench.client.upload(source) for _ in range(SMALL_IMAGES)]
    tasks = {"all": {"operation": "convert", "input": uploads, "output_format": "png", "width": 100}}

    def floor() -> float:
        argv = ("/usr/bin/convert", f"{source}", "-resize", "100x", f"{bench.folder / 'floor.png'}")
        return sum(bench.command(*argv) for _ in range(SMALL_IMAGES))

    took, bare = in_turn(bench.count, lambda: _job(bench, tasks), floor)
    return Row(
        f"{SMALL_IMAGES} small images, one job", took, bare, f"{SMALL_IMAGES} x convert", 1.0, is_ratio=True
    )


def video(bench: Bench) -> Row:
    """Ten seconds of 1080p video, over ffmpeg with the same arguments."""
    source = inputs.clip(bench.folder)
    task = bench.client.upload(source)
    options = {"output_format": "mkv", "preset": "ultrafast", "height": 720}
    bench.client.convert(task, **options)
    argv = _arguments(bench, "ffmpeg", f"{source}", f"{bench.folder / 'floor.mkv'}")
    ours, floor = in_turn(
        bench.count,
        lambda: timed(lambda: bench.client.convert(task, **options)),
        lambda: bench.command(*argv),
    )
    return Row("10 s 1080p to 720p", ours, floor, "ffmpeg, same arguments", 1.05, is_ratio=True)


def pages(bench: Bench) -> Row:
    """A PDF of 20 pages to PNG at 150 dots per inch, over pdftoppm."""
    source = _made(bench, inputs.pages_html(bench.folder, 20), "pdf")
    options = {"output_format": "png", "pixel_density": 150}
    floor = ("pdftoppm", "-png", "-r", "150", f"{source}", f"{bench.folder / 'floor'}")
    return _over(bench, "20-page pdf to png, 150 dpi", source, options, floor, 0.33)


def optimizing(bench: Bench) -> Row:
    """A PDF of 20 pages made smaller, over Ghostscript's own setting for it."""
    source = _made(bench, inputs.pages_html(bench.folder, 20), "pdf")
    options = {"operation": "optimize"}
    settings = ("-q", "-dSAFER", "-dBATCH", "-dNOPAUSE", "-sDEVICE=pdfwrite", "-dPDFSETTINGS=/ebook")
    floor = ("gs", *settings, f"-sOutputFile={bench.folder / 'floor.pdf'}", f"{source}")
    return _over(bench, "optimize a 20-page pdf", source, options, floor, 1.25)


def merging(bench: Bench) -> Row:
    """Ten PDFs into one, over qpdf."""
    source = _made(bench, inputs.pages_html(bench.folder, 20), "pdf")
    uploads = [bench.client.upload(source) for _ in range(MERGED)]
    tasks = {"merge": {"operation": "merge", "output_format": "pdf", "input": uploads}}
    target = f"{bench.folder / 'floor.pdf'}"
    floor = ("qpdf", "--empty", "--pages", *[f"{source}"] * MERGED, "--", target)
    took, bare = in_turn(bench.count, lambda: _job(bench, tasks), lambda: bench.command(*floor))
    return Row(f"merge of {MERGED}", took, bare, "qpdf", 0.150, is_ratio=False, is_added=True)


def reading(bench: Bench) -> Row:
    """Text recognised on five scanned pages, over the program alone."""
    source = inputs.scan(bench.folder, _made(bench, inputs.pages_html(bench.folder, SCANNED), "pdf"))
    options = {"operation": "pdf/ocr", "language": ["eng"]}
    argv = ("env", "OMP_THREAD_LIMIT=1", "ocrmypdf", "-l", "eng", "--output-type", "pdf", "-q", f"{source}")
    floor = (*argv, f"{bench.folder / 'floor.pdf'}")
    return _over(bench, f"ocr of {SCANNED} pages", source, options, floor, 1.25)


def picture_thumbnail(bench: Bench) -> Row:
    """A thumbnail of a photo of 12 megapixels, over ImageMagick's command line."""
    source = inputs.photo(bench.folder)
    floor = ("/usr/bin/convert", f"{source}", "-thumbnail", "300x300", f"{bench.folder / 'floor.png'}")
    return _thumbnail(bench, "photo", source, floor)


def page_thumbnail(bench: Bench) -> Row:
    """A thumbnail of a PDF's first page, over pdftoppm."""
    source = _made(bench, inputs.pages_html(bench.folder, 20), "pdf")
    floor = ("pdftoppm", "-png", "-l", "1", "-scale-to", "300", f"{source}", f"{bench.folder / 'floor'}")
    return _thumbnail(bench, "pdf", source, floor)


def video_thumbnail(bench: Bench) -> Row:
    """A thumbnail of a video, over ffmpeg's own filter for it."""
    source = inputs.clip(bench.folder)
    filters = "thumbnail,scale=300:-2"
    argv = ("ffmpeg", "-y", "-v", "error", "-i", f"{source}", "-vf", filters, "-frames:v", "1")
    return _thumbnail(bench, "video", source, (*argv, f"{bench.folder / 'floor.png'}"))


def document_thumbnail(bench: Bench) -> Row:
    """A thumbnail of a document, over LibreOffice's and pdftoppm's command lines."""
    source = SAMPLES / "jod_simple.docx"
    argv = ("soffice", "--convert-to", "png", "--outdir", f"{bench.folder}", f"{source}")
    return _thumbnail(bench, "docx", source, argv)


def _thumbnail(bench: Bench, kind: str, source: Path, floor: tuple[str, ...]) -> Row:
    options = {"operation": "thumbnail", "output_format": "png", "width": 300, "height": 300}
    return _over(bench, f"thumbnail of a {kind}", source, options, floor, 1.0)


def _over(
    bench: Bench, name: str, source: Path, options: Mapping[str, Any], floor: tuple[str, ...], target: float
) -> Row:
    """Measure one task on an earlier upload over a command line."""
    task = bench.client.upload(source)
    tasks = {"do": {"operation": "convert", "input": task, **options}}
    took, bare = in_turn(bench.count, lambda: _job(bench, tasks), lambda: bench.command(*floor))
    program = floor[2] if floor[0] == "env" else floor[0]
    return Row(name, took, bare, Path(program).name, target, is_ratio=True)


def _job(bench: Bench, tasks: Mapping[str, Any]) -> float:
    names = list(tasks)
    asked = {**tasks, "out": {"operation": "export/url", "input": names}}

    def run() -> None:
        job = bench.client.call("POST", "/v2/jobs", {"tasks": asked}, sync=True)["data"]
        if job["status"] != "finished":
            raise RuntimeError(f"the job did not finish: {job}"[:2000])

    return timed(run)


def _made(bench: Bench, source: Path, target: str) -> Path:
    """Return the file that the service makes of another one."""
    made = source.with_suffix(f".{target}")
    if not made.exists():
        job = bench.client.convert(bench.client.upload(source), output_format=target)
        out = next(each for each in job["tasks"] if each["name"] == "export")
        made.write_bytes(download(out["result"]["files"][0]["url"]))
    return made


def _arguments(bench: Bench, program: str, source: str, target: str) -> list[str]:
    """Return the command line the worker used last, on files of ours."""
    with sqlite3.connect(f"file:{bench.about['database']}?mode=ro", uri=True) as database:
        query = "select arguments from jobs_task where engine = ? order by ended_at desc limit 1"
        [text] = database.execute(query, (program,)).fetchone()
    line = next(line for line in reversed(text.splitlines()) if line.startswith(program))
    argv = [source if word.endswith("/in.mp4") else word for word in line.split()]
    return [target if word.endswith("/in.mkv") else word for word in argv]


ROWS: tuple[Callable[[Bench], Row], ...] = (
    document,
    image,
    small_images,
    pages,
    optimizing,
    merging,
    reading,
    video,
    picture_thumbnail,
    page_thumbnail,
    video_thumbnail,
    document_thumbnail,
)
