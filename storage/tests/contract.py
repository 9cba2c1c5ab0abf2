"""What every provider must do with its real server; a provider's test inherits the class and says where."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Protocol
from uuid import uuid4

import pytest

from jobs.contract import Operation, Work
from jobs.contract.errors import Stopped, StorageRefused, StorageUnreachable
from storage._support.lanes import Lanes

from .conftest import RunContext

MB = 1024 * 1024
LARGE = 21 * MB + 12_345
"""Bytes that take several parts, the last of them short."""
ODD_NAMES = [
    "two words.txt",
    "Grüße, 日本語 🙂.txt",
    "a+b&c=d#e?f%20g.txt",
    'quote\'s "and" more.txt',
    "..hidden..txt",
    "-rf.txt",
]


class Peer(Protocol):
    """The storage as its owner sees it: not by our code, but by a library or the server's own files."""

    def put(self, key: str, content: bytes) -> None:
        """Put an object there."""

    def get(self, key: str) -> bytes:
        """Return an object's bytes."""

    def keys(self, prefix: str) -> set[str]:
        """Return the keys below a prefix that anyone can see."""

    def litter(self, prefix: str) -> list[str]:
        """Return what lies there unfinished: parts, blocks, temporary names."""


@pytest.mark.provider
class ProviderContract:
    """The cases. They run on loopback with real servers, through the operation's own records."""

    operations: ClassVar[tuple[Operation, ...]]
    one: ClassVar[str]
    many: ClassVar[str]
    container: ClassVar[str] = ""
    """The option that names the bucket; empty where there is none."""
    wrong: ClassVar[Mapping[str, str]]
    """Credentials that the server does not know, in the options that the refusal must name."""
    hidden: ClassVar[tuple[str, ...]] = ()
    """Options whose values no message may hold."""
    leading_slash: ClassVar[bool] = True
    """Whether a key may begin with a slash and mean something else than without it."""
    dots: ClassVar[bool] = True
    """Whether ``..`` in a key is just a name there."""
    long_name: ClassVar[int] = 900
    """Bytes that a key may have."""
    too_little: ClassVar[int] = 3 * MB
    """Bytes that must be able to pass on one line, or no large file ever arrives."""

    @pytest.fixture
    def location(self) -> dict[str, Any]:
        """The options that say where the server is."""
        raise NotImplementedError

    @pytest.fixture
    def peer(self) -> Peer:
        """The owner's own way to it."""
        raise NotImplementedError

    def by(self, location: dict[str, Any], port: int) -> dict[str, Any]:
        """Return the same location, reached by another port of this machine."""
        raise NotImplementedError

    def port_of(self, location: dict[str, Any]) -> int:
        """Return the port the server listens on."""
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    def _loopback(self, loopback: None) -> None:
        """Let the provider connect to this machine."""

    @pytest.fixture
    def root(self) -> str:
        """A folder of the test's own."""
        return f"contract-{uuid4().hex[:12]}"

    @pytest.fixture
    def moving(self, monkeypatch) -> Callable[[int, Callable[[Lanes], object]], None]:
        """Have something done, once, by the lane that first counts more than so many bytes."""

        def when(size: int, act: Callable[[Lanes], object]) -> None:
            moved, total, once = Lanes.moved, 0, threading.Lock()

            def count(lanes: Lanes, moving: int) -> None:
                nonlocal total
                total += moving
                if total > size and once.acquire(blocking=False):
                    act(lanes)
                moved(lanes, moving)

            monkeypatch.setattr(Lanes, "moved", count)

        return when

    # --- Running the operations

    def record(self, way: str) -> Operation:
        [found] = [each for each in self.operations if each.name.startswith(f"{way}/")]
        return found

    def options(self, way: str, given: Mapping[str, Any]) -> dict[str, Any]:
        known = {option.name: option for option in self.record(way).options}
        values = {name: option.default for name, option in known.items()}
        return values | {name: known[name].read(value) for name, value in given.items() if name in known}

    def bring(
        self,
        folder: Path,
        location: dict[str, Any],
        context: RunContext | None = None,
        **given: Any,
    ) -> dict[str, bytes]:
        """Run the import and return the files by their folder and name."""
        into = folder / f"in-{uuid4().hex[:8]}"
        into.mkdir()
        work = Work(output_dir=into, options=self.options("import", {**location, **given}))
        result = self.record("import").run(work, context or RunContext(seconds=120))
        assert all(output.path.parent == into for output in result.files)
        return {f"{each.dir}/{each.name}".lstrip("/"): each.path.read_bytes() for each in result.files}

    def put(
        self,
        folder: Path,
        location: dict[str, Any],
        files: Mapping[str, bytes],
        context: RunContext | None = None,
        **given: Any,
    ) -> None:
        """Run the export of files, given by their folder and name."""
        paths = []
        for number, content in enumerate(files.values()):
            paths.append(folder / f"out-{uuid4().hex[:8]}-{number}")
            paths[-1].write_bytes(content)
        work = Work(
            inputs=tuple(paths),
            names=tuple(name.rpartition("/")[2] for name in files),
            folders=tuple(name.rpartition("/")[0] for name in files),
            output_dir=folder,
            options=self.options("export", {**location, **given}),
        )
        result = self.record("export").run(work, context or RunContext(seconds=120))
        assert [each.path for each in result.files] == paths
        for path, content in zip(paths, files.values(), strict=True):
            assert path.read_bytes() == content

    # --- The cases

    def test_round_trip(self, location, peer, root, tmp_path):
        content = os.urandom(70_000)
        context = RunContext()

        self.put(tmp_path, location, {"a.bin": content}, **{self.one: f"{root}/b.bin"})
        brought = self.bring(tmp_path, location, context, **{self.one: f"{root}/b.bin"})

        assert peer.get(f"{root}/b.bin") == content
        assert brought == {"b.bin": content}
        assert context.percents[-1] == 100
        assert peer.litter(root) == []

    def test_a_large_file_goes_in_parts(self, location, peer, root, tmp_path):
        content = os.urandom(LARGE)
        context = RunContext(seconds=120)

        self.put(tmp_path, location, {"a.bin": content}, context, **{self.one: f"{root}/a.bin"})

        assert peer.get(f"{root}/a.bin") == content
        assert context.percents == sorted(context.percents)
        assert self.bring(tmp_path, location, **{self.one: f"{root}/a.bin"}) == {"a.bin": content}
        assert peer.litter(root) == []

    def test_an_empty_file(self, location, peer, root, tmp_path):
        self.put(tmp_path, location, {"a.txt": b""}, **{self.one: f"{root}/a.txt"})

        assert peer.get(f"{root}/a.txt") == b""
        assert self.bring(tmp_path, location, **{self.one: f"{root}/a.txt"}) == {"a.txt": b""}

    def test_many_files_below_a_prefix_keep_their_folders(self, location, peer, root, tmp_path):
        files = {"a.txt": b"1", "sub/b.txt": b"2", "sub/deep er/ü.txt": b"3"}

        self.put(tmp_path, location, files, **{self.many: f"{root}/x/"})
        peer.put(f"{root}/y.txt", b"not this one")

        assert peer.keys(root) == {f"{root}/x/{name}" for name in files} | {f"{root}/y.txt"}
        assert self.bring(tmp_path, location, **{self.many: f"{root}/x/"}) == files

    @pytest.mark.parametrize("name", ODD_NAMES)
    def test_odd_names(self, name, location, peer, root, tmp_path):
        key = f"{root}/{name}"

        self.put(tmp_path, location, {name: b"odd"}, **{self.many: f"{root}/"})

        assert peer.keys(root) == {key}
        assert peer.get(key) == b"odd"
        assert self.bring(tmp_path, location, **{self.one: key}) == {name: b"odd"}

    def test_names_that_lead_up_stay_in_the_tasks_folder(self, location, peer, root, tmp_path):
        if not self.dots:
            pytest.skip("no such name can be there")
        peer.put(f"{root}/../../escape.txt", b"up")
        before = set(tmp_path.rglob("*"))

        brought = self.bring(tmp_path, location, **{self.many: f"{root}/"})

        assert list(brought.values()) == [b"up"]
        assert ".." not in "".join(brought)
        made = {path for path in tmp_path.rglob("*") if path not in before and path.is_file()}
        assert all(path.parent.name.startswith("in-") for path in made)

    def test_a_leading_slash(self, location, peer, root, tmp_path):
        if not self.leading_slash:
            pytest.skip("no such name can be there")

        self.put(tmp_path, location, {"a.txt": b"slash"}, **{self.one: f"/{root}/a.txt"})

        assert peer.get(f"/{root}/a.txt") == b"slash"
        assert self.bring(tmp_path, location, **{self.one: f"/{root}/a.txt"}) == {"a.txt": b"slash"}

    def test_a_long_name_is_cut_for_us_only(self, location, peer, root, tmp_path):
        name = "n" * (self.long_name - len(root) - 5) + ".txt"
        peer.put(f"{root}/{name}", b"long")

        [(brought, content)] = self.bring(tmp_path, location, **{self.one: f"{root}/{name}"}).items()

        assert content == b"long"
        assert len(brought.encode()) <= 200
        assert brought.endswith(".txt")

    def test_200_files(self, location, peer, root, tmp_path):
        files = {f"{number:03}.txt": f"file {number}".encode() for number in range(200)}

        self.put(tmp_path, location, files, **{self.many: f"{root}/"})

        assert self.bring(tmp_path, location, **{self.many: f"{root}/"}) == files
        assert peer.keys(root) == {f"{root}/{name}" for name in files}
        assert peer.litter(root) == []

    def test_a_counter_numbers_the_files(self, location, peer, root, tmp_path):
        self.put(tmp_path, location, {"a": b"1", "b": b"2"}, **{self.one: f"{root}/page-%02d.txt"})

        assert peer.keys(root) == {f"{root}/page-01.txt", f"{root}/page-02.txt"}
        assert peer.get(f"{root}/page-02.txt") == b"2"

    def test_an_export_replaces_what_is_there(self, location, peer, root, tmp_path):
        peer.put(f"{root}/a.txt", b"old and longer")

        self.put(tmp_path, location, {"a.txt": b"new"}, **{self.one: f"{root}/a.txt"})
        self.put(tmp_path, location, {"a.txt": b"new"}, **{self.one: f"{root}/a.txt"})

        assert peer.get(f"{root}/a.txt") == b"new"
        assert peer.keys(root) == {f"{root}/a.txt"}
        assert peer.litter(root) == []

    def test_a_missing_object_is_named(self, location, peer, root, tmp_path):
        with pytest.raises(StorageRefused, match=self.one) as refused:
            self.bring(tmp_path, location, **{self.one: f"{root}/nothing.txt"})

        assert "nothing.txt" in refused.value.message

    def test_a_prefix_with_nothing_below_it_is_named(self, location, peer, root, tmp_path):
        with pytest.raises(StorageRefused, match=self.many):
            self.bring(tmp_path, location, **{self.many: f"{root}/nothing/"})

    def test_a_missing_container_is_named(self, location, peer, root, tmp_path):
        if not self.container:
            pytest.skip("it has none")
        location[self.container] = "no-such-container-here"

        with pytest.raises(StorageRefused, match=self.container):
            self.bring(tmp_path, location, **{self.one: f"{root}/a.txt"})
        with pytest.raises(StorageRefused, match=self.container):
            self.put(tmp_path, location, {"a.txt": b"1"}, **{self.one: f"{root}/a.txt"})

    def test_wrong_credentials_are_refused_and_named_but_not_told(self, location, peer, root, tmp_path):
        location |= self.wrong
        for run in (
            lambda: self.bring(tmp_path, location, **{self.one: f"{root}/a.txt"}),
            lambda: self.put(tmp_path, location, {"a.txt": b"1"}, **{self.one: f"{root}/a.txt"}),
            lambda: self.record("connection").run(
                Work(output_dir=tmp_path, options=self.options("connection", location)), RunContext()
            ),
        ):
            with pytest.raises(StorageRefused) as refused:
                run()
            assert all(field in refused.value.message for field in self.wrong)
            assert not [name for name in self.hidden if f"{location.get(name)}" in refused.value.message]

    def test_the_check_of_a_connection(self, location, peer, root, tmp_path):
        work = Work(output_dir=tmp_path, options=self.options("connection", location))

        result = self.record("connection").run(work, RunContext())

        assert result.message
        assert result.files == ()

    def test_a_dead_host_is_unreachable(self, location, peer, root, tmp_path, cutting):
        way = cutting(self.port_of(location))
        way.end()
        dead = self.by(location, way.port)

        with pytest.raises(StorageUnreachable):
            self.bring(tmp_path, dead, **{self.one: f"{root}/a.txt"})
        with pytest.raises(StorageUnreachable):
            self.put(tmp_path, dead, {"a.txt": b"1"}, **{self.one: f"{root}/a.txt"})

    def test_a_download_cut_in_the_middle_goes_on(self, location, peer, root, tmp_path, cutting):
        content = os.urandom(LARGE)
        peer.put(f"{root}/a.bin", content)
        way = cutting(self.port_of(location))
        way.cut(down=3 * MB)

        brought = self.bring(tmp_path, self.by(location, way.port), **{self.one: f"{root}/a.bin"})

        assert way.cuts == 1
        assert brought == {"a.bin": content}

    def test_an_upload_cut_in_the_middle_goes_on(self, location, peer, root, tmp_path, cutting):
        content = os.urandom(LARGE)
        way = cutting(self.port_of(location))
        way.cut(up=3 * MB)
        there = self.by(location, way.port)

        self.put(tmp_path, there, {"a.bin": content}, **{self.one: f"{root}/a.bin"})

        assert way.cuts == 1
        assert peer.get(f"{root}/a.bin") == content
        assert peer.keys(root) == {f"{root}/a.bin"}
        assert peer.litter(root) == []

    def test_an_upload_cut_for_good_leaves_what_was_there(self, location, peer, root, tmp_path, cutting):
        peer.put(f"{root}/a.bin", b"old")
        way = cutting(self.port_of(location))
        way.cut(up=self.too_little, times=1000)
        there = self.by(location, way.port)
        context = RunContext(seconds=120)
        files = {"a.bin": os.urandom(LARGE)}

        with pytest.raises(StorageUnreachable):
            self.put(tmp_path, there, files, context, **{self.one: f"{root}/a.bin"})

        assert peer.get(f"{root}/a.bin") == b"old"
        assert peer.keys(root) == {f"{root}/a.bin"}
        # What could not be ended while the line was cut is ended by the next attempt.
        self.put(tmp_path, location, files, context, **{self.one: f"{root}/a.bin"})
        assert peer.get(f"{root}/a.bin") == files["a.bin"]
        assert peer.keys(root) == {f"{root}/a.bin"}
        assert peer.litter(root) == []

    def test_what_a_killed_attempt_began_is_ended_by_the_next(self, location, peer, root, tmp_path):
        content = os.urandom(LARGE)
        source = tmp_path / "a.bin"
        source.write_bytes(content)
        options = self.options("export", {**location, self.one: f"{root}/a.bin"})
        told = {
            "module": self.record("export").run.__self__.opened.__module__,  # type: ignore[attr-defined]
            "options": options,
            "source": f"{source}",
            "bytes": 3 * MB,
        }

        killed = subprocess.run(
            [sys.executable, "-m", "storage.tests.killed"],
            input=json.dumps(told),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env={**os.environ, "ATHANOR_OUTBOUND_ALLOW": "127.0.0.0/8,::1"},
        )

        assert killed.returncode == -signal.SIGKILL, killed.stderr
        assert peer.keys(root) == set()
        again = RunContext(seconds=120, loose_ends=[json.loads(line) for line in killed.stdout.splitlines()])
        self.put(tmp_path, location, {"a.bin": content}, again, **{self.one: f"{root}/a.bin"})
        assert peer.get(f"{root}/a.bin") == content
        assert peer.keys(root) == {f"{root}/a.bin"}
        assert peer.litter(root) == []

    def test_no_room_on_our_side_is_not_blamed_on_the_storage(self, location, peer, root, tmp_path):
        peer.put(f"{root}/a.bin", os.urandom(LARGE))
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (MB, hard))
        try:
            with pytest.raises(OSError, match="File too large"):
                self.bring(tmp_path, location, **{self.one: f"{root}/a.bin"})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    def test_an_upload_told_to_stop_leaves_nothing(self, location, peer, root, tmp_path, moving):
        stopping = threading.Event()
        context = RunContext(seconds=120, stop=lambda: "cancelled" if stopping.is_set() else None)
        moving(2 * MB, lambda lanes: (stopping.set(), lanes._stop.wait(20)))

        with pytest.raises(Stopped):
            self.put(tmp_path, location, {"a.bin": os.urandom(LARGE)}, context, **{self.one: f"{root}/a.bin"})

        assert peer.keys(root) == set()
        assert peer.litter(root) == []

    def test_a_download_told_to_stop_stops(self, location, peer, root, tmp_path, moving):
        peer.put(f"{root}/a.bin", os.urandom(LARGE))
        stopping = threading.Event()
        context = RunContext(seconds=120, stop=lambda: "cancelled" if stopping.is_set() else None)
        moving(2 * MB, lambda lanes: (stopping.set(), lanes._stop.wait(20)))

        with pytest.raises(Stopped):
            self.bring(tmp_path, location, context, **{self.one: f"{root}/a.bin"})

    def test_overwritten_while_it_is_read_is_one_version_or_the_other(
        self, location, peer, root, tmp_path, moving
    ):
        old, new = os.urandom(LARGE), os.urandom(LARGE)
        peer.put(f"{root}/a.bin", old)
        moving(2 * MB, lambda _lanes: peer.put(f"{root}/a.bin", new))

        context = RunContext(seconds=120)
        try:
            brought = self.bring(tmp_path, location, context, **{self.one: f"{root}/a.bin"})
        except StorageUnreachable as error:
            assert "a.bin" in error.message  # noqa: PT017 - either ending is right
        else:
            assert brought["a.bin"] in {old, new}
        assert self.bring(tmp_path, location, **{self.one: f"{root}/a.bin"})["a.bin"] in {old, new}
