"""Our own file store, a folder of keys per task: here or in a bucket. Customers' is ``storage/``."""

from .keeping import (
    begin,
    digest,
    fetch,
    keys,
    new_key,
    open,  # noqa: A004 - it opens a file
    read,
    remove,
    remove_tasks,
    save,
    share,
    untouched,
    write,
)
from .store import CHUNK, Stored, Writing

__all__ = [
    "CHUNK",
    "Stored",
    "Writing",
    "begin",
    "digest",
    "fetch",
    "keys",
    "new_key",
    "open",
    "read",
    "remove",
    "remove_tasks",
    "save",
    "share",
    "untouched",
    "write",
]
