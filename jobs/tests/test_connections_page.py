from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission

from jobs import connections, secrets, services
from jobs.models import Account, Connection

SECRET = "seeded-secret-value"
WHOLE = {"host": "store.example", "bucket": "files", "user": "me", "password": SECRET}
LIST = "/admin/jobs/connection/"

pytestmark = pytest.mark.usefixtures("vaults")


@pytest.fixture
def row(owner) -> Connection:
    draft = connections.Draft("mine", "vault", WHOLE)
    return services.save_connection(draft, owner=owner)


def page(row) -> str:
    return f"{LIST}{row.pk}/change/"


def change(client, row, **fields):
    given = {"name": row.name, **{f"option_{key}": WHOLE[key] for key in ("host", "bucket", "user")}}
    return client.post(page(row), {**given, **fields}, follow=True)


def opened(row) -> dict[str, object]:
    row.refresh_from_db()
    return secrets.opened(row.options, row=row.pk)


def test_lists_and_searches(admin_client, row):
    for query in ("", "?q=mine", "?q=customer", "?provider=vault", "?workload_identity__exact=1", "?o=1.2"):
        assert admin_client.get(f"{LIST}{query}").status_code == 200
    assert "mine" in admin_client.get(f"{LIST}?q=customer").content.decode()


def test_no_secret_is_shown(admin_client, row):
    shown = admin_client.get(page(row)).content.decode()

    assert "store.example" in shown and "It is set" in shown
    assert SECRET not in shown and "sealed:" not in shown
    assert SECRET not in admin_client.get(LIST).content.decode()


def test_a_new_one_is_made_in_two_steps(admin_client, owner):
    data = {"owner": owner.pk, "name": "new", "provider": "vault"}

    answer = admin_client.post(f"{LIST}add/", data, follow=True)

    made = Connection.objects.get()
    assert answer.redirect_chain == [(page(made), 302)]
    assert (made.owner, made.provider, made.options, made.workload_identity) == (owner, "vault", {}, False)


@pytest.mark.parametrize(
    ("data", "told"), [({"name": "a b"}, "letters, digits"), ({"name": "mine"}, "that of another connection")]
)
def test_problems_are_told_at_their_fields(admin_client, row, data, told):
    given = {"owner": row.owner_id, "provider": "vault", **data}

    answer = admin_client.post(f"{LIST}add/", given)

    assert told in answer.content.decode() and Connection.objects.count() == 1


def test_what_is_left_empty_stays_and_what_is_set_is_sealed(admin_client, row):
    change(admin_client, row, option_host="new.example", option_private_key="-----a\nkey-----")

    kept = opened(row)
    assert kept["password"] == SECRET and kept["host"] == "new.example"
    assert kept["private_key"].splitlines() == ["-----a", "key-----"]
    assert "key-----" not in f"{row.options}"


def test_a_secret_can_be_forgotten_and_an_option_emptied(admin_client, row):
    change(admin_client, row, forget=["password"], option_bucket="")

    assert opened(row) == {"host": "store.example", "user": "me"}


def test_a_form_that_is_shown_again_shows_no_secret(admin_client, row):
    answer = change(admin_client, row, option_password="another-secret", option_port="x")

    assert "must be a number" in answer.content.decode()
    assert "another-secret" not in answer.content.decode() and opened(row)["password"] == SECRET


def test_with_its_key_lost_it_must_be_set_anew(admin_client, row, settings):
    settings.ATHANOR_SEALING_KEYS = {"new": b"n" * 32}

    refused = change(admin_client, row)
    change(admin_client, row, option_password="another-secret")

    assert "can no longer be read" in refused.content.decode()
    assert opened(row)["password"] == "another-secret"


def test_the_operator_allows_workload_identity_and_may_still_change_it(admin_client, row):
    shown = admin_client.get(page(row)).content.decode()
    change(admin_client, row, workload_identity="on")
    change(admin_client, row, workload_identity="on", option_bucket="other")

    row.refresh_from_db()
    assert "with every right that has" in shown
    assert row.workload_identity and row.options["bucket"] == "other"


def test_the_history_names_who_changed_what_and_no_value(admin_client, row):
    change(admin_client, row, option_password="another-secret")

    entry = LogEntry.objects.get()
    assert entry.user.username == "admin"
    assert "password" in entry.change_message and "another-secret" not in entry.change_message


def test_they_are_deleted_by_an_action(admin_client, row):
    assert admin_client.post(f"{LIST}{row.pk}/delete/", {"post": "yes"}).status_code == 403

    admin_client.post(LIST, {"action": "remove", "_selected_action": [f"{row.pk}"]})

    assert not Connection.objects.exists()


def test_who_may_only_look_sees_the_options_masked(client, row):
    looker = Account.objects.create_user("looker", is_staff=True)
    looker.user_permissions.add(Permission.objects.get(codename="view_connection"))
    client.force_login(looker)

    shown = client.get(page(row)).content.decode()
    refused = client.post(page(row), {"name": "x", "workload_identity": "on"})

    assert "store.example" in shown and "********" in shown and SECRET not in shown
    assert refused.status_code == 403


def test_operators_only(client, row):
    assert client.get(LIST).status_code == client.get(page(row)).status_code == 302
