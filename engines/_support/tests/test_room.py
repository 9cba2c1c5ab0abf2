from __future__ import annotations

from pathlib import Path

import pytest

from engines._support.room import Room

ROOM = Room(
    read={"/input": Path("/data/task"), "/related/logo": Path("/data/task/related/logo")},
    write={"/output": Path("/data/task/out")},
)


@pytest.mark.parametrize(
    ("outside", "inside"),
    [
        ("/data/task/in.docx", "/input/in.docx"),
        ("/data/task/out", "/output"),
        ("/data/task/out/in.pdf", "/output/in.pdf"),
        ("/data/task/related/logo/0.png", "/related/logo/0.png"),
        ("/data/taskother/x", "/data/taskother/x"),
    ],
)
def test_a_path_is_named_by_the_nearest_folder_that_is_shown(outside, inside):
    assert ROOM.inside(Path(outside)) == Path(inside)
    assert ROOM.outside(Path(inside)) == Path(outside)
