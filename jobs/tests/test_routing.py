from __future__ import annotations

import pytest

from jobs import registry, routing
from jobs.models import Task

pytestmark = pytest.mark.usefixtures("fakes")


def at(hop: int, **payload) -> Task:
    plan = [step.key for step in registry.route("convert", "txt", "png")]
    return Task(operation="convert", plan=plan, hop=hop, payload=payload)


def test_what_opens_the_input_counts_on_the_way_in_and_the_rest_on_the_way_out():
    payload = {"quality": 20, "password": "x", "width": 7, "fit": "crop"}

    first, last = (routing.options(at(hop, **payload)) for hop in (0, 1))

    assert first == {"quality": 75, "password": "x", "fit": "crop", "subtitles": None}
    assert last == {"quality": 20, "password": None, "width": 7}
