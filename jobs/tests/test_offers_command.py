from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError

from jobs import fleet

pytestmark = [pytest.mark.usefixtures("fakes"), pytest.mark.django_db]


def told(capsys, *words):
    call_command(*words)
    return capsys.readouterr().out.splitlines()


def test_the_table_and_its_numbers(capsys):
    fleet.announce("w", queues=["storage"], tools={"shouter": ["1.2", "2.0"], "painter": []}, running=0)

    assert told(capsys, "offers") == [
        "import/url  any → the same  -  1  1",
        "import/raw  any → the same  -  1  1",
        "convert  pdf → png  painter  1  1",
        "convert  txt → pdf  shouter 2.0,1.2  1  1",
        "convert  txt → png  painter  2.3  2",
        "capture-website  any → png  painter  1  1",
        "export/url  any → the same  -  1  1",
        "     1 capture-website in 1 hop",
        "     2 convert in 1 hop",
        "     1 convert in 2 hops",
        "     1 export/url in 1 hop",
        "     1 import/raw in 1 hop",
        "     1 import/url in 1 hop",
        "     7 in all, 2 engines",
    ]


def test_only_the_numbers_of_what_is_declared(capsys):
    assert told(capsys, "offers", "--declared", "--summary", "--operation", "convert") == [
        "     2 convert in 1 hop",
        "     1 convert in 2 hops",
        "     3 in all, 3 engines",
    ]
    assert told(capsys, "offers", "--summary") == ["     0 in all, 0 engines"]


def test_a_route_and_who_of_it_is_alive(capsys):
    fleet.announce("w", queues=[], tools={"shouter": ["1.2"], "painter": ["8"]}, running=0)
    fleet.announce("w2", queues=[], tools={"shouter": ["1.2"]}, running=0)
    fleet.leave("w")

    assert told(capsys, "route", "text", "png", "--engine-version", "latest") == [
        "convert  txt → pdf  shouter",
        "convert  pdf → png  painter 8  (nobody alive has it)",
        "cost 2.3",
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["png", "txt"], "Nobody brings png to txt."),
        (["txt", "pdf", "--engine-version", "7"], "no version 7 here"),
    ],
)
def test_there_is_no_such_route(words, said):
    fleet.announce("w", queues=[], tools={"shouter": ["1.2"]}, running=0)

    with pytest.raises(CommandError, match=said):
        call_command("route", *words)


@pytest.mark.parametrize("words", [["offers"], ["route", "txt", "pdf"]])
def test_without_a_database_the_remedy_is_told(words, monkeypatch):
    def look():
        raise OperationalError("no such table: jobs_worker")

    monkeypatch.setattr(fleet, "look", look)

    with pytest.raises(CommandError, match=r"run manage\.py migrate"):
        call_command(*words)
