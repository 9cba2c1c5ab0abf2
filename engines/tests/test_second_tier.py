"""Real engines where user namespaces are forbidden."""

from __future__ import annotations

import io
import os
import tarfile
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from pypdf import PdfReader

from engines import archivetool, command, imagemagick, libreoffice, poppler, vips
from engines._support import confinement, launcher
from engines._support.process import Process
from engines._support.tiers import Landlock
from engines._support.warm import Warm
from engines.tests import archives
from engines.tests.context import RunContext
from jobs.contract import Operation, Work
from jobs.contract.errors import ConversionFailed

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root has other users to give")


@pytest.fixture
def convert(samples, tmp_path, monkeypatch):
    monkeypatch.setattr(confinement, "tier", Landlock)
    opened: list[Warm] = []

    def run(module, sample: str, target: str) -> Path:
        source = Path(sample).suffix[1:]
        record: Operation = next(each for each in module.OPERATIONS if each.offers(source, target))
        runner = record.run
        if isinstance(runner, Warm):
            # One of its own: the module's may be warm already, in the first tier.
            runner = replace(runner)
            opened.append(runner)
        assert isinstance(runner, Warm | Process)
        out = tmp_path / target
        out.mkdir()
        options = {option.name: option.default for option in record.options}
        work = Work(
            inputs=(samples / sample,),
            output_dir=out,
            input_format=source,
            output_format=target,
            options=options,
        )
        return runner(work, RunContext()).files[0].path

    yield run
    for warm in opened:
        warm.close()


@pytest.mark.needs("soffice")
def test_libreoffice_works(convert):
    [page] = PdfReader(convert(libreoffice, "jod_simple.docx", "pdf")).pages

    assert page.extract_text() == "Test Document"


@pytest.mark.needs("convert")
def test_imagemagick_works(convert):
    assert Image.open(convert(imagemagick, "willow_tree.webp", "jpg")).format == "JPEG"


def test_vips_works(convert):
    assert Image.open(convert(vips, "willow_tree.webp", "jpg")).format == "JPEG"


def test_code_of_ours_tells_its_version(monkeypatch):
    monkeypatch.setattr(confinement, "tier", Landlock)

    said = launcher.ask(vips.TOOL.argv, deadline=time.monotonic() + 20, like=vips.WARM)

    assert said.startswith("libvips ")


@pytest.mark.needs("pdftocairo")
def test_poppler_works(convert):
    assert Image.open(convert(poppler, "tika_text.pdf", "png")).format == "PNG"


@pytest.fixture
def second(tmp_path, monkeypatch):
    """Return a function that makes a work of a file there, for a runner."""
    monkeypatch.setattr(confinement, "tier", Landlock)
    here = tmp_path / "run"
    here.mkdir(mode=0o711)
    (here / "out").mkdir()

    def work(content: bytes, **facts) -> Work:
        path = here / "in.bin"
        path.write_bytes(content)
        known = {"names": ("my file.bin",), "folders": ("",), "origins": ("task",)}
        return Work(inputs=(path,), output_dir=here / "out", **(known | facts))

    return work


@pytest.mark.needs("ffmpeg")
def test_commands_know_their_folders_by_the_names_the_customer_knows(second, samples):
    line = "-y -filter_complex 'movie=/input/task/my file.bin,scale=64:-2' -t 1 /output/x.mp4"
    options = {"command": "ffmpeg", "arguments": line, "capture_output": True}
    work = second((samples / "made_video.mp4").read_bytes(), options=options)

    result = command.OPERATIONS[0].run(work, RunContext())

    assert [file.name for file in result.files] == ["x.mp4"]
    assert "Output #0, mp4, to '/output/x.mp4'" in result.extra["output"]
    assert f"{work.output_dir.parent}" not in result.extra["output"]


@pytest.mark.needs("ffmpeg")
def test_commands_reach_nothing_else(second, samples):
    options = {"command": "ffmpeg", "arguments": "-i /etc/passwd /output/x.txt", "capture_output": True}

    with pytest.raises(ConversionFailed):
        command.OPERATIONS[0].run(second(b"x", options=options), RunContext())


@pytest.mark.needs("7z", "tar", "gzip", "unar", "bsdtar")
@pytest.mark.parametrize("kind", ["zip", "tar.gz", "rar", "rar, old"])
def test_archives_are_opened_and_packed(second, kind):
    content = zipfile_of({"d/a.txt": b"a"}) if kind == "zip" else tar_gz_of({"d/a.txt": b"a"})
    if kind.startswith("rar"):
        content = archives.kept(kind)
    facts = {"input_format": kind.split(",")[0], "options": {"password": None}}
    _, extract, convert = archivetool.OPERATIONS

    found = extract.run(second(content, output_format="", **facts), RunContext()).files
    [made] = convert.run(second(content, output_format="7z", **facts), RunContext()).files

    assert found[0].dir in {"d", "sub/dir1"}
    assert made.name == "my file.7z"


def zipfile_of(members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def tar_gz_of(members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, content in members.items():
            header = tarfile.TarInfo(name)
            header.size = len(content)
            archive.addfile(header, io.BytesIO(content))
    return out.getvalue()
