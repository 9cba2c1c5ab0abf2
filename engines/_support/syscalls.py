"""Which system calls a confined program may make: a list for libseccomp, which compiles it for the kernel."""

from __future__ import annotations

import ctypes
import ctypes.util
import errno
import functools
import os
import socket
from collections.abc import Iterator, Sequence

MOUNTING = (
    *("mount", "umount2", "pivot_root", "fsopen", "fsconfig", "fsmount", "fspick", "move_mount", "open_tree"),
    *("mount_setattr", "swapon", "swapoff", "quotactl", "quotactl_fd"),
)
WATCHING_OTHERS = ("ptrace", "process_vm_readv", "process_vm_writev", "kcmp", "pidfd_getfd")
KERNEL = (
    *("bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register"),
    *("init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "reboot", "syslog"),
    *("acct", "modify_ldt", "lookup_dcookie", "uselib", "iopl", "ioperm", "vhangup", "memfd_secret"),
    *("fanotify_init", "open_by_handle_at", "name_to_handle_at"),
)
KEYS = ("add_key", "keyctl", "request_key")
LASTING = ("shmget", "msgget", "semget", "mq_open")
"""They make what stays when its maker has ended, and whose memory is counted to nobody."""
CLOCKS = ("settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "sethostname", "setdomainname")
DENIED = (*MOUNTING, *WATCHING_OTHERS, *KERNEL, *KEYS, *LASTING, *CLOCKS, "setns")
"""What no engine needs, and kernels have been broken by. They fail with EPERM."""
NAMESPACES = (0x00000080, 0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000)
"""The flags of clone(2) that make namespaces: time, mount, cgroup, uts, ipc, user, pid, net."""
FAMILIES = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK)
"""The kinds of sockets that a browser makes. A network of its own keeps it from nothing that is not one."""
TYPING_FOR_OTHERS = (0x5412, 0x541C)
"""The requests of ioctl(2) that put characters into a terminal: TIOCSTI and TIOCLINUX."""

_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_UNEQUAL, _EQUAL, _GREATER, _MASKED_EQUAL = 1, 4, 6, 7


class _Comparison(ctypes.Structure):
    _fields_ = (
        ("argument", ctypes.c_uint),
        ("operator", ctypes.c_int),
        ("first", ctypes.c_uint64),
        ("second", ctypes.c_uint64),
    )


Rule = tuple[str, int, tuple[int, int, int, int] | None]
"""A system call, the error it fails with, and the argument that matters: which, how compared, and to what."""


def rules(*, namespaces: bool, sockets: bool, network: bool) -> Iterator[Rule]:
    """Yield what is denied.

    :param namespaces: whether the program may make namespaces; Chromium's own sandbox does.
    :param sockets: whether it may make sockets that can have a name, or reach another's.
    :param network: whether it may make network sockets, in a network of its own that leads nowhere.
    """
    for name in DENIED:
        yield name, errno.EPERM, None
    for request in TYPING_FOR_OTHERS:
        yield "ioctl", errno.EPERM, (1, _MASKED_EQUAL, 0xFFFFFFFF, request)
    yield from _sockets(named=sockets, network=network)
    if not namespaces:
        yield "unshare", errno.EPERM, None
        yield "chroot", errno.EPERM, None
        # Its flags lie in memory, where no filter sees them; without it the C library calls clone.
        yield "clone3", errno.ENOSYS, None
        for flag in NAMESPACES:
            if flag != NAMESPACES[0]:  # means something else to clone
                yield "clone", errno.EPERM, (0, _MASKED_EQUAL, flag, flag)


def _sockets(*, named: bool, network: bool) -> Iterator[Rule]:
    yield "socketpair", errno.EACCES, (0, _UNEQUAL, socket.AF_UNIX, 0)
    if network:
        for family in range(max(FAMILIES)):
            if family not in FAMILIES:
                yield "socket", errno.EACCES, (0, _EQUAL, family, 0)
        yield "socket", errno.EACCES, (0, _GREATER, max(FAMILIES), 0)
    elif named:
        yield "socket", errno.EACCES, (0, _UNEQUAL, socket.AF_UNIX, 0)
    else:
        for name in ("socket", "connect", "bind"):
            yield name, errno.EACCES, None
        # One of a pair, it may still send to anybody.
        yield "socketpair", errno.EACCES, (1, _MASKED_EQUAL, 0xF, socket.SOCK_DGRAM)


class NoSeccomp(OSError):
    """libseccomp is missing, or did not take the list."""


@functools.cache
def program(*, namespaces: bool, sockets: bool, network: bool) -> bytes:
    """Return the filter as the kernel takes it (an array of ``struct sock_filter``).

    :raises NoSeccomp: when libseccomp is missing or refuses.
    """
    library = _library()
    context = library.seccomp_init(_ALLOW)
    if not context:
        raise NoSeccomp("libseccomp could not begin a filter.")
    try:
        for rule in rules(namespaces=namespaces, sockets=sockets, network=network):
            _add(library, context, rule)
        return _exported(library, context)
    finally:
        library.seccomp_release(context)


def _library() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    except OSError as error:
        raise NoSeccomp("libseccomp.so.2 is not installed.") from error
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_init.argtypes = [ctypes.c_uint32]
    library.seccomp_release.argtypes = [ctypes.c_void_p]
    library.seccomp_syscall_resolve_name.argtypes = [ctypes.c_char_p]
    library.seccomp_rule_add_array.argtypes = [
        *(ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint, ctypes.POINTER(_Comparison)),
    ]
    library.seccomp_export_bpf.argtypes = [ctypes.c_void_p, ctypes.c_int]
    return library


def _add(library: ctypes.CDLL, context: int, rule: Rule) -> None:
    name, error, compared = rule
    number = library.seccomp_syscall_resolve_name(name.encode())
    if number < 0:
        # This machine's kind has no such call, or this libseccomp is older than the call.
        return
    comparisons: Sequence[_Comparison] = [_Comparison(*compared)] if compared else []
    array = (_Comparison * len(comparisons))(*comparisons)
    if library.seccomp_rule_add_array(context, _ERRNO | error, number, len(comparisons), array):
        raise NoSeccomp(f"libseccomp refused the rule for {name}.")


def _exported(library: ctypes.CDLL, context: int) -> bytes:
    fd = os.memfd_create("seccomp")
    try:
        if library.seccomp_export_bpf(context, fd):
            raise NoSeccomp("libseccomp could not write the filter.")
        size = os.lseek(fd, 0, os.SEEK_CUR)
        return os.pread(fd, size, 0)
    finally:
        os.close(fd)
