from __future__ import annotations

import errno
import socket

from engines._support import syscalls

USUAL = {"namespaces": False, "sockets": False, "network": False}
OFFICE = {"namespaces": False, "sockets": True, "network": False}
BROWSER = {"namespaces": True, "sockets": True, "network": True}


def denied(**how: bool) -> dict[str, list[object]]:
    found: dict[str, list[object]] = {}
    for name, error, compared in syscalls.rules(**how):
        found.setdefault(name, []).append((error, compared))
    return found


def test_what_breaks_kernels_is_denied_to_all():
    for how in (USUAL, BROWSER):
        names = denied(**how)
        for name in (
            "mount",
            "ptrace",
            "bpf",
            "keyctl",
            "io_uring_setup",
            "userfaultfd",
            "setns",
            "kexec_load",
        ):
            assert names[name] == [(errno.EPERM, None)]


def test_namespaces_and_network_are_for_the_browser_only():
    usual = denied(**USUAL)
    browser = denied(**BROWSER)

    assert usual["socket"] == [(errno.EACCES, None)]
    assert denied(**OFFICE)["socket"] == [(errno.EACCES, (0, 1, socket.AF_UNIX, 0))]
    assert usual["clone3"] == [(errno.ENOSYS, None)]
    assert len(usual["clone"]) == len(syscalls.NAMESPACES) - 1
    assert not {"clone", "clone3", "unshare", "chroot"} & set(browser)


def test_the_library_makes_a_program_of_them_that_the_kernel_can_read():
    program = syscalls.program(**USUAL)

    assert len(program) > 500
    assert len(program) % 8 == 0
    assert program != syscalls.program(**BROWSER)
