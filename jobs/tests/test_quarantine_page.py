from __future__ import annotations

import csv
import io
import uuid

import pytest
from django.contrib.auth.models import Permission

from jobs.intake import parse_job
from jobs.models import Account, Poison, Task
from jobs.quarantine_page import EXPORTED, cell
from jobs.services import create_job
from jobs.tests.test_admin import act

LIST = "/admin/jobs/poison/"


def poison(key, *, strikes=2, **more):
    known = {"code": "ENGINE_CRASHED", "operation": "convert", "engine": "shouter", "sha256": "a" * 64}
    return Poison.objects.create(
        fingerprint=key * 64, strikes=strikes, size=5, task_id=uuid.uuid4(), **{**known, **more}
    )


@pytest.fixture
def three(db):
    return [
        poison("1"),
        poison("2", strikes=1, engine="painter", code="TIMEOUT", sha256="b" * 64),
        poison("3", strikes=0, released_at="2026-01-01T00:00Z", released_by="op"),
    ]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", "123"),
        ("?state=refused", "1"),
        ("?state=suspected", "2"),
        ("?state=released", "3"),
        ("?engine=painter", "2"),
        ("?code=ENGINE_CRASHED", "13"),
        ("?q=" + "b" * 64, "2"),
        ("?q=" + "3" * 64, "3"),
    ],
)
def test_the_list_is_filtered_and_searched(admin_client, three, query, found):
    answer = admin_client.get(LIST + query)

    assert {row.pk[0] for row in answer.context["cl"].result_list} == set(found)


def test_a_page_says_what_is_known_and_can_change_nothing(admin_client, three):
    path = f"{LIST}{three[0].pk}/"

    page = admin_client.get(f"{path}change/").content.decode()

    for word in (three[0].pk, "refused", "a" * 64, "ENGINE_CRASHED", f"{three[0].task_id} (deleted)"):
        assert word in page
    admin_client.post(f"{path}change/", {"strikes": "0"})
    assert Poison.objects.get(pk=three[0].pk).strikes == 2
    assert admin_client.post(f"{path}delete/", {"post": "yes"}).status_code == 403


def test_release(admin_client, three):
    assert act(admin_client, "poison", "release", *three) == "1 released. 2 were not refused."

    row = Poison.objects.get(pk=three[0].pk)
    assert (row.strikes, row.released_by) == (0, "admin")
    assert row.released_at


def may(client, *names):
    user = Account.objects.create_user("operator", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    client.force_login(user)
    return client


def test_who_may_only_look_may_export_but_not_release(client, three):
    page = may(client, "view_poison").get(LIST).content.decode()
    act(client, "poison", "release", *three)

    assert "Export as CSV" in page
    assert "Release</option>" not in page
    assert Poison.objects.get(pk=three[0].pk).strikes == 2


def test_who_may_change_may_release(client, three):
    assert act(may(client, "view_poison", "change_poison"), "poison", "release", three[0]) == "1 released."


def test_the_list_is_exported_and_computes_nothing(admin_client, three):
    Poison.objects.filter(pk=three[0].pk).update(owner="=HYPERLINK(1)", sha256="a\nb")
    data = {"action": "export", "_selected_action": [row.pk for row in three]}

    answer = admin_client.post(LIST, data)

    assert answer["Content-Type"].startswith("text/csv")
    rows = {
        row["fingerprint"]: row for row in csv.DictReader(io.StringIO(answer.content.decode(), newline=""))
    }
    assert len(rows) == 3
    assert tuple(rows[three[0].pk]) == EXPORTED
    assert rows[three[0].pk]["owner"] == "'=HYPERLINK(1)"
    assert rows[three[0].pk]["sha256"] == "a\nb"
    assert [row["state"] for _, row in sorted(rows.items())] == ["refused", "suspected", "released"]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_is_a_formula(text):
    assert cell(text) == f"'{text}"


@pytest.mark.parametrize(("value", "text"), [(None, ""), (5, "5"), ("a=1", "a=1")])
def test_other_cells_stay_as_they_are(value, text):
    assert cell(value) == text


@pytest.mark.usefixtures("fakes")
def test_a_task_leads_to_what_is_held_against_its_input(admin_client, owner, three):
    job = create_job(parse_job({"tasks": {"in": {"operation": "import/url"}}}, owner=owner), owner=owner)
    task = job.tasks.get()
    path = f"/admin/jobs/task/{task.pk}/change/"
    assert LIST not in admin_client.get(path).content.decode().partition("field-quarantine")[2]

    Task.objects.filter(pk=task.pk).update(suspect={"fingerprint": three[0].pk, "sha256": [], "size": 5})

    assert (
        f'<a href="{LIST}{three[0].pk}/change/">refused (111111111111)</a>'
        in admin_client.get(path).content.decode()
    )
