"""The first tier: a program in namespaces of its own, made by bubblewrap (see SECURITY.md for the whole)."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from jobs.contract import limits, tools

from . import fonts, inner_etc
from .room import Profile, Room

PATH = tools.PATH
SYSTEM = (
    *("/usr", "/opt/google", "/var/cache/fontconfig", "/var/lib/ghostscript"),
    # LibreOffice's installation has links to its extensions there, and does not start where it may not look.
    *("/var/lib/libreoffice", "/var/spool/libreoffice"),
)
"""Programs and fonts, and what their packages keep elsewhere."""
MERGED = ("/bin", "/lib", "/lib32", "/lib64", "/libx32", "/sbin")
"""Links into /usr, on most systems."""
FONTS = "/usr/share/fonts"
ULIMITS = {
    "core": ("c", 512),
    "fsize": ("f", 512),
    "nofile": ("n", 1),
    "nproc": ("p", 1),
    "as": ("v", 1024),
    "cpu": ("t", 1),
}
"""What dash calls a bound, and in what unit; its manual says blocks of 512 bytes."""
HOST_NAME = "athanor"


def arguments(room: Room, profile: Profile, environment: Mapping[str, str]) -> list[str]:
    """Return bubblewrap's options for a room; the kernel tells nothing else apart for who is inside."""
    # A user namespace that is asked for is never left out; one that is only tried may be.
    options = ["--unshare-user", "--unshare-all", "--die-with-parent", "--new-session", "--clearenv"]
    if not profile.namespaces:
        options.append("--disable-userns")
    options += ["--hostname", HOST_NAME, *system(room.system), "--proc", "/proc", "--dev", "/dev"]
    for folder in ("/dev/shm", "/tmp"):  # noqa: S108 - the program's own
        options += ["--perms", "1777", "--size", f"{limits.TMP_BYTES}", "--tmpfs", folder]
    for device in profile.found_devices():
        options += ["--dev-bind-try", device, device]
    for inside, outside in room.read.items():
        options += ["--ro-bind", f"{outside}", inside]
    for inside, outside in room.write.items():
        options += ["--bind", f"{outside}", inside]
    # They are made of memory, which nothing else caps.
    options += ["--remount-ro", "/dev", "--remount-ro", "/"]
    for name, value in environment.items():
        options += ["--setenv", name, value]
    return [*options, "--chdir", room.start]


@functools.cache
def system(other: Path | None = None) -> tuple[str, ...]:
    """Return the options that show the programs of this machine, and nothing that is the machine's own.

    :param other: the folder of another system, whose programs are shown instead, with this machine's fonts.
    """
    return tuple(_system(other))


def _system(other: Path | None) -> Iterator[str]:
    base = other or ""
    for folder in SYSTEM:
        yield from ("--ro-bind-try", f"{base}{folder}", folder)
    if other and Path(f"{other}{FONTS}").is_dir():
        yield from ("--ro-bind-try", FONTS, FONTS)
    for name in MERGED:
        path = Path(f"{base}{name}")
        if path.is_symlink():
            yield from ("--symlink", f"{path.readlink()}", name)
        elif path.exists():
            yield from ("--ro-bind", f"{path}", name)
    yield from ("--ro-bind", f"{inner_etc.folder(other)}", "/etc")
    if own := fonts.folder():
        yield from ("--ro-bind", f"{own}", fonts.INSIDE)


def bounds(profile: Profile, *, seconds: float | None, own: bool) -> dict[str, int]:
    """Return the limits of a program's processes, by the names that setrlimit(2) gives them.

    :param seconds: of wall time it may take; None for what stays.
    :param own: whether its user is the service's own, whose other processes would count.
    """
    found = {"core": 0, "fsize": limits.OUTPUT_BYTES, "nofile": limits.OPEN_FILES}
    if not own or _counts_by_namespace():
        found["nproc"] = profile.processes
    if profile.address_space:
        found["as"] = 4 * profile.memory
    if seconds is not None:
        found["cpu"] = 10 + int(seconds * (os.cpu_count() or 1))
    return found


@functools.cache
def _counts_by_namespace() -> bool:
    # Since Linux 5.14 the limit on processes counts those of the user namespace it was set in.
    major, minor = os.uname().release.split(".")[:2]
    return (int(major), int("".join(filter(str.isdigit, minor)) or 0)) >= (5, 14)


def limited(argv: Sequence[str], found: Mapping[str, int]) -> list[str]:
    """Return the command line that runs another one within bounds.

    The smallest shell sets them, and becomes the program.
    """
    bounds = [
        f"ulimit -{flag} {found[name] // unit}" for name, (flag, unit) in ULIMITS.items() if name in found
    ]
    return ["/usr/bin/dash", "-c", " && ".join([*bounds, 'exec "$@"']), "dash", *argv]
