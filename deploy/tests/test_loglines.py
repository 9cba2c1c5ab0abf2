from __future__ import annotations

import io
import logging

import pytest

from deploy.loglines import Line, plain
from jobs import secrets


@pytest.fixture
def log():
    """A log, and what it has written."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(Line("%(levelname)s %(name)s %(message)s"))
    logger = logging.getLogger("here")
    logger.addHandler(handler)
    secrets.hide(str)
    yield logger, stream
    secrets.hide(str)
    logger.handlers.clear()


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a\nERROR b", r"a\nERROR b"),
        ("a\r\x1b[31mred", r"a\r\x1b[31mred"),
        ("\x00\x07\x7f\x9b\t", r"\x00\x07\x7f\x9b\t"),
        ("gpj\u202eexe\u2028next", r"gpj\u202eexe\u2028next"),
        ("half \ud800", r"half \ud800"),
        ("Grüße 日本 %s {} 100%", "Grüße 日本 %s {} 100%"),
    ],
)
def test_what_strangers_write_stays_on_its_line(log, text, written):
    logger, stream = log

    logger.warning("Got %s.", text)

    assert plain(text) == written
    assert stream.getvalue() == f"WARNING here Got {written}.\n"


def test_a_traceback_can_be_read_and_is_no_message(log):
    logger, stream = log
    secrets.hide(secrets.redactor({"headers": {"A": "seeded-secret"}}))

    try:
        raise ValueError("seeded-secret\nERROR here Forged\x1b[0m")
    except ValueError:
        logger.exception("It failed with %s", "seeded-secret")

    first, *rest = stream.getvalue().splitlines()
    assert first == "ERROR here It failed with ********"
    assert rest[0] == "  | Traceback (most recent call last):"
    assert all(line.startswith("  | ") for line in rest)
    assert rest[-2:] == ["  | ValueError: ********", r"  | ERROR here Forged\x1b[0m"]


def test_another_handler_s_text_of_a_traceback_is_not_taken_over(log):
    logger, stream = log
    secrets.hide(secrets.redactor({"headers": {"A": "seeded-secret"}}))
    first = logging.StreamHandler(io.StringIO())
    logger.handlers.insert(0, first)

    try:
        raise ValueError("seeded-secret")
    except ValueError:
        logger.exception("It failed")

    assert "seeded-secret" in first.stream.getvalue()
    assert "seeded-secret" not in stream.getvalue()


def test_a_stack_is_told_from_messages_too(log):
    logger, stream = log

    logger.warning("Here", stack_info=True)

    assert all(line.startswith("  | ") for line in stream.getvalue().splitlines()[1:])
    assert len(stream.getvalue().splitlines()) > 2
