"""The files that are tried: those we ship, those the service makes of them, and broken ones."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from pathlib import Path

from deploy.client import Client, download
from deploy.places import ROOT
from jobs.contract import formats

from .trials import Row, Sample

SHIPPED = ROOT / "samples"
FAULTY = {"jod_password.odt": "password", "qpdf_xref_loop.pdf": "loop", "made_truncated.jpg": "cut"}
WRITTEN = {
    "eml": "From: a@example.test\nTo: b@example.test\nSubject: A letter\n"
    "Date: Fri, 27 Nov 2026 10:00:00 +0000\nMIME-Version: 1.0\n"
    "Content-Type: text/plain; charset=utf-8\n\nAs above, so below.\n",
    "srt": "1\n00:00:00,000 --> 00:00:02,000\nAs above\n\n2\n00:00:02,000 --> 00:00:03,500\nso below\n",
    "txt": "As above, so below.\n",
}
MOTHERS = {
    "audio": "made_tone.mp3",
    "ebook": "tika_book.epub",
    "image": "willow_alpha_icc.png",
    "vector": "made_shapes.svg",
    "video": "made_video.mp4",
}
"""What files of a group are made of first: something that has what such a file usually has."""
ROUNDS = 3
"""How many conversions lie at most between a file we ship and one that is made."""
NOISE_BYTES = 4096


def shipped() -> list[Sample]:
    """Return the files of ``samples/``."""
    found = [path for path in sorted(SHIPPED.iterdir()) if path.suffix != ".md" or "made" in path.name]
    return [Sample(path, formats.of(path.name), FAULTY.get(path.name, "")) for path in found]


def written(folder: Path) -> list[Sample]:
    """Write texts whose formats nothing else makes."""
    made = []
    for name, text in WRITTEN.items():
        path = folder / f"written.{name}"
        path.write_text(text)
        made.append(Sample(path, name))
    return made


def grown(
    client: Client, rows: Iterable[Row], have: Iterable[Sample], folder: Path, say: Callable[[str], None]
) -> list[Sample]:
    """Let the service make a file of every input format that has none; those nothing makes are left out."""
    wanted = {row["input_format"] for row in rows if row["input_format"]}
    known: dict[str, Sample] = {}
    for sample in sorted(have, key=lambda sample: sample.path.stat().st_size):
        if not sample.fault:
            known.setdefault(sample.format, sample)
    mothers = {formats.of(name): Sample(SHIPPED / name, formats.of(name)) for name in MOTHERS.values()}
    steps = [row for row in rows if row["operation"] == "convert" and row["output_format"] in wanted]
    made: list[Sample] = []
    for _ in range(ROUNDS):
        before = {**known, **mothers}
        for row in sorted(steps, key=_strangeness):
            source, target = before.get(row["input_format"] or ""), row["output_format"]
            if not source or target in known:
                continue
            if new := _made(client, source, target, row["engine"], folder):
                known[target] = new
                made.append(new)
    say(f"no file to try: {' '.join(sorted(wanted - set(known)))}")
    return made


def _strangeness(row: Row) -> tuple[bool, bool]:
    """Put what stays in its group before what leaves it, and what begins with its mother first."""
    group = formats.group(row["output_format"])
    mother = formats.of(MOTHERS.get(group, ""))
    return formats.group(row["input_format"]) != group, row["input_format"] != mother


def _made(client: Client, source: Sample, target: str, engine: str, folder: Path) -> Sample | None:
    try:
        upload = client.upload(source.path)
        job = client.convert(upload, output_format=target, input_format=source.format, engine=engine)
    except RuntimeError:
        return None
    files = next(task for task in job["tasks"] if task["operation"] == "export/url")["result"]["files"]
    path = folder / f"grown-{source.path.stem}.{target}"
    path.write_bytes(download(files[0]["url"]))
    return Sample(path, target)


def broken(whole: Iterable[Sample], folder: Path) -> list[Sample]:
    """Break a file of each format: nothing in it, its second half gone, and noise in its place."""
    made = []
    seen: set[str] = set()
    for sample in sorted(whole, key=lambda sample: sample.path.stat().st_size):
        if sample.fault or sample.format in seen:
            continue
        seen.add(sample.format)
        data = sample.path.read_bytes()
        noise = random.Random(sample.format).randbytes(NOISE_BYTES)
        for fault, content in (("empty", b""), ("cut", data[: len(data) // 2]), ("noise", noise)):
            path = folder / f"{fault}.{sample.format}"
            path.write_bytes(content)
            made.append(Sample(path, sample.format, fault))
    return made
