"""Fonts inside: what stands in for those that documents name, and the operator's own folder of them."""

from __future__ import annotations

import functools
import logging
import os
import shutil
import stat
from pathlib import Path
from xml.sax.saxutils import escape

log = logging.getLogger(__name__)

VARIABLE = "ATHANOR_FONTS_DIR"
INSIDE = "/fonts"
"""Where the operator's folder lies inside, where folders have other paths there."""
RULES = Path(__file__).with_name("fonts")
"""Fontconfig's files of ours: stand-ins for names, and for scripts."""
CACHE = "cache"
WRITTEN = "athanor-fonts"
"""Where fontconfig keeps what it finds out, in the folder that the environment names for caches."""


@functools.cache
def folder() -> Path | None:
    """Return the operator's folder of fonts; None when there is none that engines can read."""
    named = os.environ.get(VARIABLE)
    if not named:
        return None
    found = Path(named).resolve()
    if not found.is_dir():
        log.error("%s=%s is no folder; the fonts in it are not used.", VARIABLE, named)
        return None
    if closed := _closed(found):
        log.error("%s is closed to the users that engines run as: its fonts are not used.", closed)
        return None
    return found


def _closed(found: Path) -> Path | None:
    """Return what keeps other users from reading a folder, when we are root and engines are not."""
    if os.geteuid():
        return None
    if found.stat().st_mode & stat.S_IROTH:
        return next((way for way in (found, *found.parents) if not way.stat().st_mode & stat.S_IXOTH), None)
    return found


def configure(etc: Path) -> None:
    """Add our rules to fontconfig's in a copy of /etc, which is shown as that, or where it lies."""
    rules, cache = etc / "fonts" / "conf.d", etc / "fonts" / CACHE
    for made in (rules, cache):
        made.mkdir(parents=True, exist_ok=True)
    for path in RULES.glob("*.conf"):
        shutil.copy(path, rules)
    own = folder()
    lines = [f"<dir>{escape(place)}</dir>" for place in (INSIDE, f"{own}") if own]
    # The first is where it writes to.
    lines += [f'<cachedir prefix="xdg">{WRITTEN}</cachedir>']
    lines += [f"<cachedir>{escape(place)}</cachedir>" for place in (f"/etc/fonts/{CACHE}", f"{cache}")]
    text = '<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">'
    (rules / "00-athanor-places.conf").write_text(
        f'<?xml version="1.0"?>{text}<fontconfig>{"".join(lines)}</fontconfig>'
    )
    for path in (rules, cache, *rules.glob("*-athanor-*.conf")):
        # Whatever the umask: engines are others.
        path.chmod(0o755 if path.is_dir() else 0o644)
