"""A45 to A51, A55: a program that is an attacker, where an engine would be."""

from __future__ import annotations

import errno
import json
import os
import platform
import secrets
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from engines._support.process import Process
from engines.tests.context import RunContext
from jobs.contract import Command, Work
from jobs.contract.errors import TaskError

from . import inside
from .siege import settled

pytestmark = [
    pytest.mark.attack,
    pytest.mark.needs("bwrap", "setpriv"),
    pytest.mark.skipif(
        platform.machine() != "x86_64", reason="the numbers of the system calls are this machine's"
    ),
]
TIERS = ["nothing", "namespaces"]
"""What is forbidden to the service itself: both tiers must hold."""

TRY = """
import json, os, socket, sys
source, out = sys.argv[1:3]
found = {}
def attempt(name, function):
    try:
        found[name] = f"did: {function()!r}"[:300]
    except OSError as error:
        found[name] = f"errno {error.errno}"
"""
TELL = "\nprint(json.dumps({'found': found}))\n"


@pytest.fixture(params=TIERS)
def tier(request):
    """What is forbidden to the service."""
    return request.param


@pytest.fixture
def folder(tmp_path):
    """A task's folder as the worker makes it."""
    folder = tmp_path / "work" / f"task-{os.getpid()}-mine-1" / "0"
    folder.mkdir(parents=True)
    return folder


LOOK = """
attempt("bait", lambda: open(BAIT).read())
attempt("folder", lambda: os.open(FOLDER, os.O_TMPFILE | os.O_RDWR))
found["uid"] = str(os.getuid())
"""
"""Reads a file of ours and opens a nameless one beside it: nothing stays of it, whether it may or not."""


@pytest.fixture
def confined(tmp_path, tier, bait):
    """Make sure that what runs is confined, so that no attack is carried out on a machine without defence."""
    look = LOOK.replace("BAIT", repr(f"{bait.world}")).replace("FOLDER", repr(f"{bait.folder}"))
    found = inside.run(tmp_path / "look", TRY + look + TELL, forbidden=tier).get("found", {})
    if found.get("uid") in {None, "0"} or not all(
        found[name].startswith("errno") for name in ("bait", "folder")
    ):
        pytest.fail(f"What runs here is not confined, so it is not attacked: {found}")


def attempts(folder, tier, body, **more):
    """Return what became of each attempt of a program; its input and output must work.

    Every attempt must do no harm where it succeeds: addresses that are none, names that nothing has.
    """
    control = (
        'attempt("input", lambda: open(source).read())\n'
        'attempt("output", lambda: open(out + "/made.txt", "w").write("made"))\n'
        'attempt("scratch", lambda: open("/tmp/scratch", "w").write("x"))\n'
    )
    outcome = inside.run(folder, TRY + control + body + TELL, forbidden=tier, **more)
    assert "found" in outcome, outcome
    found = outcome["found"]
    assert found.pop("input") == "did: 'input'" and found.pop("output") == "did: 4", outcome
    assert (folder / "out" / "made.txt").read_text() == "made"
    found.pop("scratch")
    return found


def check_denied(found):
    assert found and not {name: what for name, what in found.items() if what.startswith("did")}


def test_a46_nobodys_environment_or_command_line_is_seen(folder, tier, confined):
    secret = f"seed{secrets.token_hex(8)}"
    body = """
import glob
seen = ""
for name in glob.glob("/proc/*/environ") + glob.glob("/proc/*/cmdline") + glob.glob("/proc/*/task/*/environ"):
    try:
        seen += open(name, errors="replace").read()
    except OSError:
        pass
import hashlib
found["processes"] = str(len(glob.glob("/proc/[0-9]*")))
found["own"] = ",".join(sorted(os.environ))
found["ours"] = str("ATHANOR_" + "SECRET_KEY" in seen or "seed" + NEEDLE in seen)
found["service"] = str("manage" + ".py" in seen or "pyt" + "est" in seen)
""".replace("NEEDLE", repr(secret[4:]))

    found = attempts(
        folder, tier, body, ATHANOR_SECRET_KEY=secret, SEEDED_SECRET=secret, AWS_SECRET_ACCESS_KEY=secret
    )

    assert found["ours"] == "False"
    assert found["service"] == "False"
    assert int(found["processes"]) < 20
    assert not {
        name for name in found["own"].split(",") if name.startswith(("AWS", "SEEDED", "ATHANOR_SECRET"))
    }


def test_a46_the_parents_memory_and_files_are_out_of_reach(folder, tier, confined):
    body = """
for number in {1, os.getppid()} - {os.getpid()}:
    for name in ("mem", "maps", "fd", "root/etc/shadow", "cwd", "environ"):
        path = f"/proc/{number}/{name}"
        attempt(path, lambda: os.listdir(path) if name in {"fd", "cwd"} else len(open(path, "rb").read(9)))
"""

    found = attempts(folder, tier, body)

    # Of our own pid 1 inside, the file system is ours and its environment empty; nothing leads out.
    leads_out = {path for path, what in found.items() if what.startswith("did") and "shadow" in path}
    assert not leads_out
    assert not {path: what for path, what in found.items() if "mem" in path and what.startswith("did")}
    assert all("manage" not in what and "pytest" not in what for what in found.values())


def test_a47_other_tasks_and_the_rest_of_the_machine_are_out_of_reach(folder, tier, bait, confined):
    other = folder.parents[1] / f"task-{os.getpid()}-theirs-1" / "0" / "in.txt"
    other.parent.mkdir(parents=True)
    other.write_text("theirs")
    reads = [
        bait.world,
        bait.root,
        bait.page,
        other,
        inside.ROOT / "manage.py",
        "/etc/shadow",
        Path.home() / ".profile",
    ]
    lists = [
        folder.parents[1],
        folder.parents[2],
        bait.folder,
        inside.ROOT,
        "/root",
        "/home",
        "/var/lib/dpkg",
        "/var/log",
        "/run/user",
    ]
    # Nameless files leave nothing behind, and what is opened is not written, should it be allowed after all.
    folders = [
        "/usr/bin",
        "/usr/lib",
        "/etc",
        "/input",
        "/lib",
        bait.folder,
        folder,
        other.parent,
        inside.ROOT,
    ]
    knobs = ["/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname", "/proc/sysrq-trigger"]
    body = f"""
for path in {[f"{path}" for path in reads]!r}:
    attempt("read " + path, lambda: len(open(path).read()))
for path in {[f"{path}" for path in lists]!r}:
    def listing():
        names = set(os.listdir(path)) - {{"task-x"}}
        if not names or names <= {{{folder.parent.name!r}}}:
            raise FileNotFoundError(2, "nothing of others")
        return names
    attempt("list " + path, listing)
for path in {[f"{path}" for path in folders]!r}:
    attempt("write " + path, lambda: os.open(path, os.O_TMPFILE | os.O_RDWR))
for path in {knobs!r}:
    attempt("open " + path, lambda: os.open(path, os.O_WRONLY))
attempt("overwrite input", lambda: open(source, "r+").write("x"))
attempt("remove input", lambda: os.unlink(source))
attempt("rename input", lambda: os.rename(source, source + "2"))
attempt("link input", lambda: os.link(source, os.path.dirname(source) + "/second"))
"""

    found = attempts(folder, tier, body)

    check_denied(found)
    assert (folder / "in.txt").read_text() == "input"
    assert bait.strays() == []
    assert not Path("/tmp/scratch").exists()


@pytest.fixture
def listeners(tmp_path):
    """Sockets of the service: one with a path, one abstract, one for datagrams."""
    opened = [
        socket.socket(socket.AF_UNIX),
        socket.socket(socket.AF_UNIX),
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
    ]
    abstract = f"\0athanor-{secrets.token_hex(6)}"
    short = Path(f"/tmp/athanor-{secrets.token_hex(6)}.sock")
    opened[0].bind(f"{short}")
    short.chmod(0o777)
    opened[1].bind(abstract)
    opened[2].bind(("127.0.0.1", 0))
    for each in opened[:2]:
        each.listen()
    for each in opened:
        each.setblocking(False)
    yield f"{short}", abstract, opened[2].getsockname()[1], opened
    for each in opened:
        each.close()
    short.unlink()


def test_a48_nobody_can_be_called(folder, tier, canary, listeners, confined):
    path, abstract, datagrams, opened = listeners
    body = f"""
def call(family, kind, address):
    with socket.socket(family, kind) as s:
        s.settimeout(2)
        s.connect(address)
        s.sendall(b"x")
    return address
port = {canary.port}
for host in ("127.0.0.1", "127.0.0.77", "169.254.169.254"):
    attempt("tcp " + host, lambda: call(socket.AF_INET, socket.SOCK_STREAM, (host, port)))
for host in ("::1", "::ffff:127.0.0.1"):
    attempt("tcp " + host, lambda: call(socket.AF_INET6, socket.SOCK_STREAM, (host, port)))
attempt("udp", lambda: call(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", {datagrams})))
attempt("path", lambda: call(socket.AF_UNIX, socket.SOCK_STREAM, {path!r}))
attempt("abstract", lambda: call(socket.AF_UNIX, socket.SOCK_STREAM, {abstract!r}))
attempt("raw", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))
attempt("packet", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 3))
attempt("netlink", lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0))
attempt("vsock", lambda: socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM))
attempt("bluetooth", lambda: socket.socket(31, socket.SOCK_RAW, 1))
attempt("crypto", lambda: socket.socket(38, socket.SOCK_SEQPACKET))
"""

    found = attempts(folder, tier, body)

    check_denied(found)
    assert canary.heard == []
    for each in opened[:2]:
        with pytest.raises(BlockingIOError):
            each.accept()
    with pytest.raises(BlockingIOError):
        opened[2].recv(9)


BAD = 1
"""An address that is none: a call that is allowed to look at it fails for that, and does nothing."""
CALLS = {
    "ptrace": (101, 16, 0, 0, 0),
    "chroot": (161, BAD),
    "acct": (163, BAD),
    "syslog": (103, 10, 0, 0),
    "pivot_root": (155, BAD, BAD),
    "settimeofday": (164, BAD, 0),
    "mount": (165, BAD, BAD, BAD, 0, 0),
    "umount2": (166, BAD, 0),
    "swapon": (167, BAD, 0),
    "reboot": (169, 0, 0, 0),
    "sethostname": (170, BAD, -1),
    "iopl": (172, 3),
    "init_module": (175, BAD, 0, BAD),
    "delete_module": (176, BAD, 0),
    "quotactl": (179, -1, BAD, 0, 0),
    "clock_settime": (227, 99, BAD),
    "kexec_load": (246, 0, 0, BAD, -1),
    "add_key": (248, BAD, BAD, BAD, 0, 0),
    "request_key": (249, BAD, BAD, 0, 0),
    "keyctl": (250, 9999, 0, 0),
    "unshare user": (272, 0x10000000),
    "unshare mount": (272, 0x00020000),
    "unshare net": (272, 0x40000000),
    "perf_event_open": (298, BAD, 0, -1, -1, 0),
    "open_by_handle_at": (304, -1, BAD, 0),
    "setns": (308, -1, 0),
    "process_vm_readv": (310, 1, BAD, 1, BAD, 1, 0),
    "finit_module": (313, -1, BAD, 0),
    "bpf": (321, 9999, BAD, 0),
    "userfaultfd": (323, 1),
    "io_uring_setup": (425, 1, BAD),
    "open_tree": (428, -1, BAD, 1),
    "move_mount": (429, -1, BAD, -1, BAD, 0),
    "fsopen": (430, BAD, 0),
    "fsmount": (432, -1, 0, 0),
    "setuid": (105, 0),
    "setgid": (106, 0),
}
"""Numbers and arguments."""


def test_a49_no_call_leads_out(folder, tier, confined):
    body = f"""
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    answer = libc.syscall(ctypes.c_long(number), *map(ctypes.c_long, arguments))
    if answer < 0:
        raise OSError(ctypes.get_errno(), "")
    return answer
for name, (number, *arguments) in {CALLS!r}.items():
    attempt(name, lambda: call(number, *arguments))
def clone():
    child = call(56, 0x10000000 | 17, 0, 0, 0, 0)
    if child == 0:
        os._exit(0)
    return child
attempt("clone user", clone)
import fcntl, termios
attempt("tty", lambda: os.open("/dev/tty", os.O_RDWR))
attempt("push", lambda: fcntl.ioctl(0, termios.TIOCSTI, b"x"))
import resource
status = dict(line.split(":", 1) for line in open("/proc/self/status") if ":" in line)
found["status"] = json.dumps({{
    "uid": os.getuid(), "caps": status["CapEff"].strip(), "bounds": status["CapBnd"].strip(),
    "privileges": status["NoNewPrivs"].strip(),
    "filter": status["Seccomp"].strip(), "groups": os.getgroups(), "session": os.getsid(0) != 0,
    **{{name: resource.getrlimit(getattr(resource, "RLIMIT_" + name))[1] for name in ("CORE", "FSIZE", "NPROC", "NOFILE")}},
}})
"""

    found = attempts(folder, tier, body)

    status = json.loads(found.pop("status"))
    # Bad arguments are refused before the filter looks only where there is no filter.
    assert {name: what for name, what in found.items() if what.startswith("did")} == {}
    answers = {f"errno {number}" for number in (errno.EPERM, errno.EACCES, errno.ENOSYS)}
    harmless = {"setuid", "setgid", "sethostname", "chroot", "acct", "process_vm_readv"}
    assert {name: found[name] for name in set(CALLS) - harmless if found[name] not in answers} == {}
    assert status["uid"] != 0
    assert (int(status["caps"], 16), status["privileges"], status["filter"]) == (0, "1", "2")
    assert status["CORE"] == 0 and 0 < status["NOFILE"] <= 4096
    assert all(0 < status[name] < 2**50 for name in ("FSIZE", "NPROC"))
    assert 0 not in status["groups"]


def test_a50_nothing_runs_as_root(folder, tier, confined):
    root_only = folder / "root.txt"
    root_only.write_text("for root")
    root_only.chmod(0o600)
    body = """
attempt("root only", lambda: open(os.path.dirname(source) + "/root.txt").read())
attempt("shadow", lambda: len(open("/etc/shadow").read()))
attempt("own", lambda: os.chown(out + "/made.txt", 0, 0))
attempt("set uid", lambda: os.chmod(out + "/made.txt", 0o4755))
found["uid"] = str(os.getuid())
"""

    found = attempts(folder, tier, body)

    found.pop("set uid")
    assert found.pop("uid") != "0"
    if os.geteuid() == 0:
        check_denied(found)
        assert (folder / "out" / "made.txt").lstat().st_uid != 0
    else:
        assert found["shadow"].startswith("errno")


def test_a51_without_confinement_no_engine_runs(folder):
    outcome = inside.run(folder, "import sys; open(sys.argv[2] + '/ran', 'w')", forbidden="everything")

    assert "refused" in outcome, outcome
    assert not (folder / "out" / "ran").exists()


@pytest.mark.parametrize("switch", [{}, {"ATHANOR_UNCONFINED": ""}, {"ATHANOR_DEBUG": "1"}])
def test_a51_no_other_setting_is_the_switch(folder, switch):
    outcome = inside.run(
        folder, "import sys; open(sys.argv[2] + '/ran', 'w')", forbidden="everything", **switch
    )

    assert "refused" in outcome, outcome


def test_a51_without_confinement_no_worker_starts(tmp_path):
    code = (
        "import os, sys; from deploy.tests.attacks import inside; inside.forbid(everything=True); "
        "os.execv(sys.executable, [sys.executable, 'manage.py', 'worker'])"
    )
    given = {"ATHANOR_DATA_DIR": f"{tmp_path}", "ATHANOR_EMBEDDED": "1", "PYTHONPATH": f"{inside.ROOT}"}

    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=inside.ROOT,
        env={**os.environ, **given},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode != 0
    assert "confined" in done.stdout + done.stderr


HOGS = {
    "memory": "kept = []\nwhile len(kept) < 34:\n    kept.append(bytearray(b'x' * 100_000_000))\nfound['held'] = str(len(kept))\n",
    "processes": "import time\nfor n in range(600):\n    if os.fork() == 0:\n        time.sleep(20); os._exit(0)\nfound['held'] = '600'\n",
    "files": "kept = [open('/dev/null') for _ in range(5000)]\nfound['held'] = '5000'\n",
    "file size": "with open(out + '/large', 'wb') as f:\n    f.seek(11 * 1024**3)\n    f.write(b'x')\nfound['held'] = 'x'\n",
    "scratch": "with os.fdopen(os.open('/tmp', os.O_TMPFILE | os.O_RDWR, 0o600), 'wb') as f:\n    for _ in range(700):\n        f.write(b'x' * 1_000_000)\nfound['held'] = 'x'\n",
    "shared memory": "with os.fdopen(os.open('/dev/shm', os.O_TMPFILE | os.O_RDWR, 0o600), 'wb') as f:\n    for _ in range(700):\n        f.write(b'x' * 1_000_000)\nfound['held'] = 'x'\n",
}


@pytest.mark.parametrize("hog", HOGS)
def test_a45_a_greedy_program_meets_its_limit(folder, tier, hog, confined):
    outcome = inside.run(folder, TRY + HOGS[hog] + TELL, forbidden=tier)

    assert "held" not in outcome.get("found", {}), outcome
    assert outcome.get("status") or outcome.get("refused")


def test_a45_words_without_end_are_cut(folder, tier):
    code = "import sys\nfor _ in range(3000):\n    sys.stdout.write('x' * 100_000)\nsys.exit(3)"

    outcome = inside.run(folder, code, forbidden=tier, seconds=60)

    assert outcome["status"] == 3
    assert len(outcome["words"]) <= 64 * 1024


@pytest.mark.parametrize("way", ["sleeps", "ignores signals", "daemon"])
def test_a45_what_does_not_end_is_ended(folder, tier, way):
    name = f"athanor-{secrets.token_hex(6)}"
    body = {
        "sleeps": "import time; time.sleep(3600)",
        "ignores signals": "import signal, time\nfor n in range(1, 64):\n    try: signal.signal(n, signal.SIG_IGN)\n"
        "    except (OSError, ValueError): pass\nwhile True: time.sleep(1)",
        "daemon": "import os, subprocess, sys, time\nfor _ in range(3):\n    if os.fork() == 0:\n        os.setsid()\n"
        f"        os.execv('/usr/bin/python3', ['python3', '-c', 'import time; time.sleep(3600)', {name!r}])\n"
        "os._exit(0)",
    }[way]

    outcome = inside.run(folder, f"# {name}\n{body}", forbidden=tier, seconds=2)

    assert outcome.get("refused") == "TIMEOUT" or way == "daemon"
    settled(lambda: not named(name), lambda: named(name), seconds=5)


def named(name):
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and name.encode() in (folder / "cmdline").read_bytes():
                found.append(folder.name)
        except OSError:
            continue
    return found


# --- What a program leaves as its result

LEFT = {
    "link to a secret": "os.symlink({secret!r}, made)",
    "link to the input": "os.symlink(source, made)",
    "link to a process": "os.symlink('/proc/self/environ', made)",
    "dangling link": "os.symlink('/nowhere', made)",
    "pipe": "os.mkfifo(made)",
    "socket": "import socket; socket.socket(socket.AF_UNIX).bind(made)",
    "folder": "os.mkdir(made); open(made + '/x', 'w').write('x')",
    "second name of the input": "os.link(source, made)",
    "two names": "open(out + '/other', 'w').write('x'); os.link(out + '/other', made)",
    "device": "os.mknod(made, 0o600 | 0o20000, os.makedev(1, 3))",
    "nothing": "pass",
    "empty": "open(made, 'w')",
    "linked folder": "os.rmdir(out); os.symlink({folder!r}, out)",
}


@pytest.mark.parametrize("kind", LEFT)
def test_a55_a_result_that_is_no_plain_file_is_not_published(folder, bait, kind):
    (folder / "out").mkdir()
    (folder / "in.txt").write_text("input")
    code = "import os, sys\nsource, out = sys.argv[1:3]\nmade = out + '/in.out'\n" + LEFT[kind].format(
        secret=f"{bait.world}", folder=f"{bait.folder}"
    )

    def plan(work):
        argv = [inside.PYTHON, "-c", code, f"{work.input}", f"{work.output_dir}"]
        return [Command(argv=argv, outputs=(work.output,))]

    work = Work(
        inputs=(folder / "in.txt",), output_dir=folder / "out", input_format="txt", output_format="out"
    )

    with pytest.raises(TaskError):
        Process(plan)(work, RunContext(seconds=20))


@pytest.mark.parametrize("kind", ["link to a secret", "pipe", "second name of the input", "folder"])
def test_a55_among_many_results_no_odd_one_is_published(folder, bait, kind):
    (folder / "out").mkdir()
    (folder / "in.txt").write_text("input")
    code = "import os, sys\nsource, out = sys.argv[1:3]\nopen(out + '/in-1.out', 'w').write('good')\nmade = out + '/in-2.out'\n"
    code += LEFT[kind].format(secret=f"{bait.world}")

    def plan(work):
        argv = [inside.PYTHON, "-c", code, f"{work.input}", f"{work.output_dir}"]
        return [Command(argv=argv, output_glob="in-*.out")]

    work = Work(
        inputs=(folder / "in.txt",), output_dir=folder / "out", input_format="txt", output_format="out"
    )
    try:
        result = Process(plan)(work, RunContext(seconds=20))
    except TaskError:
        return

    assert [output.path.name for output in result.files] == ["in-1.out"]


def test_a55_more_results_than_allowed_are_refused(folder):
    (folder / "out").mkdir()
    (folder / "in.txt").write_text("input")
    code = "import sys\nfor n in range(2500): open(f'{sys.argv[1]}/in-{n}.out', 'w').write('x')"

    def plan(work):
        return [Command(argv=[inside.PYTHON, "-c", code, f"{work.output_dir}"], output_glob="in-*.out")]

    work = Work(
        inputs=(folder / "in.txt",), output_dir=folder / "out", input_format="txt", output_format="out"
    )

    with pytest.raises(TaskError) as failure:
        Process(plan)(work, RunContext(seconds=30))

    assert failure.value.code == "OUTPUT_TOO_LARGE"
