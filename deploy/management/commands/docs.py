"""``manage.py docs``: write the pages of docs/ that come from the records, and the README's count."""

from __future__ import annotations

import re
from typing import Any

from django.core.management.base import BaseCommand

from deploy import reference
from deploy.places import ROOT

COUNT = re.compile(r"[\d,]+ conversions \([^)]*\)\s+of\s+\d+ input into \d+ output formats")


class Command(BaseCommand):
    """Write them anew."""

    help = __doc__

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Write every page."""
        reference.FOLDER.mkdir(exist_ok=True)
        for path, text in reference.pages().items():
            path.write_text(text)
            self.stdout.write(f"{path.relative_to(ROOT)}")
        readme = ROOT / "README.md"
        readme.write_text(COUNT.sub(reference.sentence(), readme.read_text()))
