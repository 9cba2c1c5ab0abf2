"""The frame of all providers, over one that keeps its objects in memory and fails on demand."""

from __future__ import annotations

import threading

import pytest

from jobs.contract import Inputs, Option, Work
from jobs.contract.errors import (
    FileTooLarge,
    Stopped,
    StorageRefused,
    StorageUnreachable,
    Timeout,
    TooMuchOutput,
)
from storage._support import lanes, limits, refusals, transfers
from storage._support.place import Item

from .conftest import RunContext


class Memory:
    """A storage of a test's own."""

    shared = False
    lanes = 4

    def __init__(self, objects=None):
        self.objects = dict(objects or {})
        self.opened, self.closed, self.tidied = 0, 0, []
        self.fails = []
        """Errors to raise half-way, one for each move."""
        self.meanwhile = lambda: None

    def __call__(self, location, trail):
        self.opened += 1
        self.trail = trail
        return self

    def check(self):
        """Let anybody in."""

    def find(self, key):
        if key not in self.objects:
            raise refusals.missing("key", key)
        return Item(key, len(self.objects[key]))

    def items(self, prefix):
        yield from (Item(key, len(data)) for key, data in self.objects.items() if key.startswith(prefix))

    def _pieces(self, data, advance):
        half = len(data) // 2
        for piece in (data[:half], data[half:]):
            advance(len(piece))
            self.meanwhile()
            yield piece
            if self.fails:
                raise self.fails.pop()

    def fetch(self, item, target, advance):
        with target.open("xb") as file:
            for piece in self._pieces(self.objects[item.key], advance):
                file.write(piece)

    def store(self, source, key, advance):
        self.trail.begun(key)
        self.objects[key] = b"".join(self._pieces(source.read_bytes(), advance))

    def tidy(self, loose_end):
        self.tidied.append(loose_end)

    def close(self):
        self.closed += 1


def records(memory, **given):
    made = transfers.transfers(
        "memory",
        memory,
        location=(Option(name="user", help="", required=True), Option(name="word", help="", secret=True)),
        one=Option(name="key", help=""),
        many=Option(name="key_prefix", help=""),
        called="memory",
        one_of=(("word",),),
        **given,
    )
    return {record.name.partition("/")[0]: record for record in made}


def bring(memory, tmp_path, context=None, **options):
    options = {"key": None, "key_prefix": None, "filename": None, **options}
    result = records(memory)["import"].run(
        Work(output_dir=tmp_path, options=options), context or RunContext()
    )
    return {f"{each.dir}/{each.name}".lstrip("/"): each.path.read_bytes() for each in result.files}


def put(memory, tmp_path, context=None, files=1, **options):
    sources = [tmp_path / f"source-{number}" for number in range(files)]
    for source in sources:
        source.write_bytes(b"content")
    work = Work(
        inputs=tuple(sources),
        names=tuple(f"{number}.txt" for number in range(files)),
        folders=("",) * files,
        output_dir=tmp_path,
        options={"key": None, "key_prefix": None, **options},
    )
    return records(memory)["export"].run(work, context or RunContext())


def test_a_provider_is_three_records():
    made = records(Memory(), export=(Option(name="acl", help=""),))

    assert [record.name for record in made.values()] == [
        "import/memory",
        "export/memory",
        "connection/memory",
    ]
    assert {record.provider for record in made.values()} == {"memory"}
    assert [record.hidden for record in made.values()] == [False, False, True]
    assert made["import"].one_of == (("word",), ("key", "key_prefix"))
    assert made["export"].one_of == (("word",),)
    assert made["export"].inputs is Inputs.ALL
    places = {each.name for record in made.values() for each in record.options if each.place}
    assert places == {"user", "word"}
    assert "acl" in {each.name for each in made["export"].options}


def test_a_file_is_called_by_its_key_or_as_the_customer_says(tmp_path):
    memory = Memory({"a/b.txt": b"1"})

    assert bring(memory, tmp_path, key="a/b.txt") == {"b.txt": b"1"}
    (tmp_path / "0").unlink()
    assert bring(memory, tmp_path, key="a/b.txt", filename="c.txt") == {"c.txt": b"1"}


def test_a_file_is_not_put_under_the_name_of_a_folder(tmp_path):
    memory = Memory()

    with pytest.raises(StorageRefused, match=r"folder, which key_prefix takes.*Check key"):
        put(memory, tmp_path, key="a/")
    assert not memory.objects


def test_objects_that_stand_for_folders_are_left_out(tmp_path):
    memory = Memory({"a/": b"", "a/b/": b"", "a/b/c.txt": b"1"})

    assert bring(memory, tmp_path, key_prefix="a/") == {"b/c.txt": b"1"}


def test_names_that_would_be_one_file_somewhere_are_numbered(tmp_path):
    memory = Memory({"a/x.txt": b"1", "a/X.TXT": b"2", "a/../x.txt": b"3"})

    assert bring(memory, tmp_path, key_prefix="a/") == {"x.txt": b"1", "X-2.TXT": b"2", "x-3.txt": b"3"}


def test_what_broke_off_goes_on_at_once_and_counts_once(tmp_path):
    memory = Memory({"a": b"12345678"})
    memory.fails = [StorageUnreachable(), StorageUnreachable()]
    context = RunContext()

    assert bring(memory, tmp_path, context, key="a") == {"a": b"12345678"}
    assert memory.opened == memory.closed == 3
    assert context.percents[-1] == 100


def test_what_breaks_off_three_times_is_given_up(tmp_path):
    memory = Memory({"a": b"12345678"})
    memory.fails = [StorageUnreachable()] * 4

    with pytest.raises(StorageUnreachable):
        bring(memory, tmp_path, key="a")
    assert len(memory.fails) == 1


def test_what_never_answered_waits_for_the_tasks_next_attempt(tmp_path):
    class Dead(Memory):
        def fetch(self, item, target, advance):
            self.tidied.append("asked")
            raise StorageUnreachable

    memory = Dead({"a": b"1"})
    with pytest.raises(StorageUnreachable):
        bring(memory, tmp_path, key="a")
    assert memory.tidied == ["asked"]


def test_the_first_failure_is_told_and_the_others_stop(tmp_path):
    memory = Memory({f"{number}": b"12345678" for number in range(50)})
    memory.fails = [StorageRefused("no")]

    with pytest.raises(StorageRefused, match="no"):
        bring(memory, tmp_path, key_prefix="")
    assert len(list(tmp_path.iterdir())) < 50


def test_a_bug_is_not_lost(tmp_path):
    memory = Memory({"a": b"1"})
    memory.fails = [ZeroDivisionError()]

    with pytest.raises(ZeroDivisionError):
        bring(memory, tmp_path, key="a")


def test_the_operator_gets_the_librarys_words_without_what_is_signed(tmp_path):
    memory, context = Memory({"a": b"1"}), RunContext()
    error = StorageRefused("no")
    error.__cause__ = OSError("no such thing at /a/b?sv=1&sig=abc, he said")
    memory.fails = [error]

    with pytest.raises(StorageRefused):
        bring(memory, tmp_path, context, key="a")
    assert context.words == ["builtins.OSError: no such thing at /a/b?… he said"]


def test_an_order_to_stop_is_heard_although_the_other_side_is_silent(tmp_path, monkeypatch):
    monkeypatch.setattr(lanes, "WIND_DOWN_SECONDS", 0.2)
    memory = Memory({"a": b"12345678"})
    silent, stop = threading.Event(), threading.Event()

    def wait():
        stop.set()
        silent.wait(20)

    memory.meanwhile = wait
    try:
        with pytest.raises(Stopped):
            bring(memory, tmp_path, RunContext(stop=lambda: "cancelled" if stop.is_set() else None), key="a")
    finally:
        silent.set()


def test_a_deadline_is_kept(tmp_path):
    with pytest.raises(Timeout):
        bring(Memory({"a": b"12345678"}), tmp_path, RunContext(seconds=-1), key="a")


def test_loose_ends_are_remembered_by_the_tasks_own_thread_and_ended_first(tmp_path):
    threads = set()

    class Context(RunContext):
        def begun(self, loose_end):
            threads.add(threading.current_thread())
            super().begun(loose_end)

    memory = Memory()
    context = Context(loose_ends=["older"])
    put(memory, tmp_path, context, files=20, key_prefix="x/")

    assert memory.tidied == ["older"]
    assert set(context.loose_ends) == {"older"} | {f"x/{number}.txt" for number in range(20)}
    assert threads == {threading.current_thread()}
    assert set(memory.objects.values()) == {b"content"}


def test_what_cannot_be_remembered_is_not_begun(tmp_path):
    class Lost(RunContext):
        def begun(self, loose_end):
            raise Stopped("lost")

    memory = Memory()
    with pytest.raises(Stopped):
        put(memory, tmp_path, Lost(), files=5, key_prefix="x/")
    assert memory.objects == {}


def test_too_much_is_refused_before_it_moves(tmp_path, monkeypatch):
    memory = Memory({f"{number}": b"12" for number in range(5)})

    monkeypatch.setattr(transfers, "OUTPUT_BYTES", 9)
    with pytest.raises(TooMuchOutput):
        bring(memory, tmp_path, key_prefix="")
    monkeypatch.setattr(transfers, "OUTPUT_FILES", 4)
    with pytest.raises(TooMuchOutput, match="4 files below the key_prefix"):
        bring(memory, tmp_path, key_prefix="")
    monkeypatch.setattr(limits, "MAX_FILE_BYTES", 1)
    with pytest.raises(FileTooLarge):
        bring(memory, tmp_path, key="1")
    assert not (tmp_path / "0").exists()


def test_a_size_that_lies_is_capped(tmp_path, monkeypatch):
    class Liar(Memory):
        def find(self, key):
            return Item(key, 1)

    monkeypatch.setattr(limits, "MAX_FILE_BYTES", 5)
    with pytest.raises(FileTooLarge):
        bring(Liar({"a": b"1234567890"}), tmp_path, key="a")


def test_a_large_object_moves_alone_among_its_like(tmp_path, monkeypatch):
    monkeypatch.setattr(lanes, "LARGE", 8)
    memory = Memory({f"{number}": b"12345678" for number in range(6)})
    here, most, lock = [], [], threading.Lock()
    fetch = memory.fetch

    def watched(item, target, advance):
        with lock:
            here.append(1)
            most.append(len(here))
        fetch(item, target, advance)
        here.pop()

    memory.fetch = watched
    assert len(bring(memory, tmp_path, key_prefix="")) == 6
    assert max(most) == 1
