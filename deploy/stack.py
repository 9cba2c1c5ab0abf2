"""The embedded stack: a private Redis, one ASGI process and one worker with all queues."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from .places import HOST, ROOT, environment, free_ports, socket_folder
from .supervisor import Died, Program, Supervisor, tail

READY_SECONDS = 60.0
LEFTOVER_SECONDS = 15.0
"""How long the children of a killed stack may take to be gone."""
SEEDS = ("api_key", "api_key_readonly", "api_key_other", "admin_user", "admin_password")


class AlreadyRunning(Exception):
    """Another stack runs on the same data folder."""


class Cancelled(Exception):
    """We were told to stop before the stack was ready."""


def schema_number(root: Path = ROOT) -> int:
    """Return a number that changes whenever a migration does."""
    import django

    digest = hashlib.sha256(django.__version__.encode())
    for path in sorted(root.glob("*/migrations/*.py")):
        digest.update(f"{path.relative_to(root)}".encode() + b"\0" + path.read_bytes())
    return int.from_bytes(digest.digest()[:4]) >> 1 or 1


class Stack:
    """The stack on one data folder."""

    def __init__(
        self,
        data_dir: Path,
        *,
        ports: tuple[int | None, int | None] = (None, None),
        inherited: Mapping[str, str] | None = None,
        say: Callable[[str], None] = print,
    ) -> None:
        """Prepare; nothing is touched yet."""
        self.data_dir = data_dir.resolve()
        self.about: dict[str, Any] = {}
        """What ``athanor.json`` says, once started."""
        self.allows = ""
        """Where customers' URLs may lead besides the public internet."""
        self._asked = ports
        self._inherited = dict(os.environ if inherited is None else inherited)
        self._say = say
        self._leaving = contextlib.ExitStack()
        self._supervisor: Supervisor | None = None

    @property
    def supervisor(self) -> Supervisor:
        """What keeps the programs running."""
        assert self._supervisor, "not started"
        return self._supervisor

    @property
    def logs(self) -> Path:
        """Where every program's log lies."""
        return self.data_dir / "log"

    def __enter__(self) -> Stack:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self, cancelled: Callable[[], bool] = lambda: False) -> None:
        """Start everything and return when it takes work.

        :param cancelled: asked while waiting; True gives up.
        :raises AlreadyRunning: when a stack runs on this data folder.
        :raises Died: when a program does not come up, with the end of its log.
        :raises Cancelled: when told so.
        """
        try:
            self._start(cancelled)
        except BaseException:
            self.stop()
            raise

    def stop(self, hurry: Callable[[], bool] = lambda: False) -> None:
        """Stop the worker (it drains), the ASGI process and Redis, in this order."""
        if self._supervisor:
            self._supervisor.stop(hurry)
        self._leaving.close()

    def _start(self, cancelled: Callable[[], bool]) -> None:
        for folder in (self.data_dir, self.logs, self.data_dir / "work", self.data_dir / "run"):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Engines run as users of their own, who come through here to what they are shown.
        self.data_dir.chmod(0o711)
        self._lock("stack.lock", seconds=0)
        # Children hold this one, so it outlives us while they do.
        held = self._lock("children.lock", seconds=LEFTOVER_SECONDS)
        ports = free_ports(self._asked)
        redis = self._socket()
        env = environment(self._inherited, data_dir=self.data_dir, ports=ports, redis=redis)
        self.allows = env.get("ATHANOR_OUTBOUND_ALLOW", "")
        self._supervisor = Supervisor(cwd=ROOT, environment=env, logs=self.logs, say=self._say, held=(held,))
        if not self._inherited.get("ATHANOR_BROKER_URL"):
            self._supervisor.start(_redis(redis, self.data_dir))
            self._until(lambda: _answers_ping(redis), cancelled)
        fresh = self._migrate(env)
        self._supervisor.start(_asgi(ports))
        self._supervisor.start(_worker())
        seeds = self._seed(env, fresh=fresh)
        self._until(lambda: _workers(f"http://{HOST}:{ports[0]}") > 0, cancelled)
        self.about |= {"url": env["ATHANOR_PUBLIC_URL"], "sync_url": env["ATHANOR_SYNC_URL"], **seeds}
        self._supervisor.watch()
        _write_private(self.data_dir / "athanor.json", self.about)

    def _lock(self, name: str, *, seconds: float) -> int:
        file = self._leaving.enter_context((self.data_dir / "run" / name).open("a"))
        until = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if time.monotonic() >= until:
                    raise AlreadyRunning from error
                time.sleep(0.1)
            else:
                return file.fileno()

    def _socket(self) -> Path:
        if folder := socket_folder(self.data_dir):
            return folder / "redis.sock"
        short = tempfile.mkdtemp(prefix="athanor-", dir=os.environ.get("XDG_RUNTIME_DIR") or "/tmp")  # noqa: S108
        self._leaving.callback(shutil.rmtree, short, ignore_errors=True)
        return Path(short) / "redis.sock"

    def _until(self, ready: Callable[[], bool], cancelled: Callable[[], bool]) -> None:
        begun = told = time.monotonic()
        while not ready():
            self.supervisor.raise_if_dead()
            now = time.monotonic()
            if cancelled():
                raise Cancelled
            if now - begun > READY_SECONDS:
                raise Died(f"Not ready after {READY_SECONDS:.0f} s; the logs are in {self.logs}.")
            if now - told > 5:
                told = now
                self._say(f"still starting, {now - begun:.0f} s (logs: {self.logs})")
            time.sleep(0.03)

    def _migrate(self, env: Mapping[str, str]) -> bool:
        """Bring the database up to date; tell whether there was anything to do."""
        if env.get("ATHANOR_DATABASE_URL"):
            self._manage(env, "migrate", "--noinput")
            return False
        database = self.data_dir / "athanor.sqlite3"
        number = schema_number()
        if database.exists() and _user_version(database) == number:
            return False
        self._say("bringing the database up to date")
        self._manage(env, "migrate", "--noinput")
        database.chmod(0o600)
        _user_version(database, number)
        return True

    def _seed(self, env: Mapping[str, str], *, fresh: bool) -> dict[str, str]:
        """Return the demo's keys and logins: those we know, or new ones where the database has none."""
        written = self.data_dir / "athanor.json"
        with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
            self.about = json.loads(written.read_text())
        known = {name: self.about[name] for name in SEEDS if name in self.about}
        if len(known) == len(SEEDS) and not fresh:
            return known
        answer = self._manage(env, "seed_demo", "--json", "--keep", f"{written}")
        return {name: f"{text}" for name, text in json.loads(answer).items()}

    def _manage(self, env: Mapping[str, str], *words: str) -> str:
        log = self.logs / "manage.log"
        with log.open("ab") as file:
            done = subprocess.run(
                [sys.executable, "manage.py", *words],
                cwd=ROOT,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=file,
                check=False,
            )
        if done.returncode:
            raise Died(f"manage.py {words[0]} failed. Its last words:\n{tail(log)}")
        return done.stdout.decode()


def _redis(path: Path, data_dir: Path) -> Program:
    private = ("--port", "0", "--unixsocket", f"{path}", "--unixsocketperm", "700")
    forgetful = ("--save", "", "--appendonly", "no", "--daemonize", "no", "--dir", f"{data_dir}")
    # Where the distribution's own is too old, setup put one beside our Python.
    beside = Path(sys.executable).parent / "redis-server"
    program = f"{beside}" if beside.exists() else "redis-server"
    return Program("redis", (program, *private, *forgetful), stop_seconds=1.0)


def _asgi(ports: tuple[int, int]) -> Program:
    listen = ("--host", HOST, "--port", f"{ports[0]}", "--sync-port", f"{ports[1]}")
    return Program("asgi", (sys.executable, "manage.py", "serve", *listen), stop_seconds=9.0)


def _worker() -> Program:
    return Program("worker", (sys.executable, "manage.py", "worker"), stop_seconds=7.5)


def _answers_ping(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1.0)
        try:
            client.connect(f"{path}")
            client.sendall(b"PING\r\n")
            return client.recv(16).startswith(b"+PONG")
        except OSError:
            return False


def _workers(url: str) -> int:
    """Return how many workers are alive; 0 while nobody answers."""
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=5) as answer:  # noqa: S310 - our own address
            return int(json.load(answer)["workers"])
    except (OSError, ValueError, KeyError):
        return 0


def _user_version(database: Path, number: int | None = None) -> int:
    with contextlib.closing(sqlite3.connect(database, timeout=20)) as connection:
        if number is not None:
            connection.execute(f"PRAGMA user_version = {number:d}")
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _write_private(path: Path, about: Mapping[str, Any]) -> None:
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(about, file, indent=2)
        file.write("\n")
    new.replace(path)
