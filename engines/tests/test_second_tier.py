"""Real engines where user namespaces are forbidden."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from pypdf import PdfReader

from engines import imagemagick, libreoffice, poppler, vips
from engines._support import confinement, launcher
from engines._support.process import Process
from engines._support.tiers import Landlock
from engines._support.warm import Warm
from engines.tests.context import RunContext
from jobs.contract import Operation, Work

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
