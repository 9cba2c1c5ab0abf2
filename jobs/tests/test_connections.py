from __future__ import annotations

import json
import uuid

import pytest
from django.core.management import CommandError, call_command
from django.db import connection as database

from jobs import connections, registry, secrets, services
from jobs.contract import Operation, Option
from jobs.contract.errors import ConnectionGone, InvalidData, SecretLost
from jobs.intake import parse_job, parse_task
from jobs.models import Account, Connection

SECRET = "seeded-secret-value"
WHOLE = {"host": "store.example", "bucket": "files", "user": "me", "password": SECRET}
IMPORT = {"operation": "import/vault", "connection": "mine", "key": "a.txt"}
OLD, NEW = {"old": b"o" * 32}, {"new": b"n" * 32}

pytestmark = pytest.mark.usefixtures("vaults")


def save(owner, name="mine", provider="vault", options=WHOLE, **more) -> Connection:
    draft = connections.parse({"name": name, "provider": provider, "options": options}, owner=owner)
    return services.save_connection(draft, owner=owner, **more)


def but(*names: str) -> dict[str, object]:
    return {name: value for name, value in WHOLE.items() if name not in names}


def problems(owner, **more) -> dict[str, list[str]]:
    with pytest.raises(InvalidData) as caught:
        parse_job({"tasks": {"in": {**IMPORT, **more}}}, owner=owner)
    return caught.value.problems


@pytest.fixture
def record() -> Operation:
    return registry.named("import/vault")[0]


@pytest.fixture
def stranger(db) -> Account:
    return Account.objects.create_user("stranger")


# --- Saving


def test_its_secrets_are_sealed_each_by_itself(owner):
    row = save(owner, options={**WHOLE, "private_key": f"key-{SECRET}", "port": "2222"})

    with database.cursor() as cursor:
        cursor.execute("SELECT * FROM jobs_connection")
        stored = f"{cursor.fetchall()}"
    assert SECRET not in stored and stored.count("sealed:1:") == 2
    assert secrets.opened(row.options, row=row.pk) == {
        **WHOLE,
        "private_key": f"key-{SECRET}",
        "port": "2222",
    }


def test_a_secret_moved_to_another_connection_or_option_does_not_open(owner):
    row, other = save(owner), save(owner, "other")
    other.options["password"] = row.options["password"]
    row.options["private_key"] = row.options["password"]
    other.save()
    row.save()

    for each in (row, other):
        with pytest.raises(SecretLost, match="Save it again"):
            connections.use(each.pk, registry.named("import/vault")[0], owner=owner.pk)


@pytest.mark.parametrize("options", [{}, but("host"), {"bucket": "b"}, {"password": SECRET, "host": None}])
def test_it_may_hold_any_part_of_what_is_needed(owner, options):
    assert save(owner, options=options).options.keys() == {key for key, value in options.items() if value}


@pytest.mark.parametrize(
    ("payload", "found"),
    [
        ({}, {"name", "provider"}),
        ({"name": "mine", "provider": "cupboard"}, {"provider"}),
        ({"name": "mine", "provider": ["vault"]}, {"provider"}),
        *(
            ({"name": name, "provider": "vault"}, {"name"})
            for name in ("", "a b", "ü", "x" * 101, 7, f"{uuid.uuid4()}", uuid.uuid4().hex)
        ),
        ({"name": "mine", "provider": "vault", "options": [SECRET]}, {"options"}),
        (
            {
                "name": "mine",
                "provider": "vault",
                "options": {"port": "x", "key": "a", "password": "********"},
            },
            {"options.port", "options.key", "options.password"},
        ),
        (
            {"name": "mine", "provider": "vault", "options": {"workload_identity": True}},
            {"options.workload_identity"},
        ),
    ],
)
def test_every_problem_is_named(owner, payload, found):
    with pytest.raises(InvalidData) as caught:
        connections.parse(payload, owner=owner)

    assert caught.value.problems.keys() == found
    assert SECRET not in f"{caught.value.problems}"


def test_a_name_is_one_connection_s_for_each_owner(owner, stranger):
    first = save(owner)
    assert save(stranger).pk != first.pk

    with pytest.raises(InvalidData, match="given data") as caught:
        save(owner)
    with pytest.raises(InvalidData) as late:
        services.save_connection(connections.Draft("mine", "vault"), owner=owner)

    taken = {"name": ["The name is that of another connection."]}
    assert caught.value.problems == late.value.problems == taken


def test_what_takes_its_place_keeps_the_id_and_nothing_else(owner):
    row = save(owner)
    draft = connections.parse({"name": "new", "options": {"host": "other.example"}}, owner=owner, known=row)

    services.save_connection(draft, owner=owner, known=row)

    again = Connection.objects.get()
    assert (again.pk, again.name, again.options) == (row.pk, "new", {"host": "other.example"})
    assert again.changed_at > again.created_at


def test_its_provider_stays(owner):
    row = save(owner)

    with pytest.raises(InvalidData) as caught:
        connections.parse({"name": "mine", "provider": "cellar"}, owner=owner, known=row)

    assert caught.value.problems.keys() == {"provider"}


def test_only_the_operator_changes_one_with_the_service_s_identity(owner):
    row = save(owner, options={"bucket": "theirs"}, workload_identity=True)

    with pytest.raises(InvalidData) as caught:
        connections.parse({"name": "mine", "options": {"host": "evil.example"}}, owner=owner, known=row)

    assert caught.value.problems.keys() == {"workload_identity"}


# --- What a job says beside one


@pytest.mark.parametrize("by", ["name", "id"])
def test_it_stands_for_what_it_holds(owner, by):
    row = save(owner)
    named = "mine" if by == "name" else f"{row.pk}"

    draft = parse_job({"tasks": {"in": {**IMPORT, "connection": named}}}, owner=owner)

    [task] = draft.tasks
    assert (task.connection, task.payload["connection"]) == (row.pk, named)
    assert task.payload.keys() == {"operation", "connection", "key"}


def test_a_job_s_connections_are_looked_up_at_once(owner, django_assert_num_queries):
    save(owner)
    save(owner, "other")
    tasks = {f"t{n}": {**IMPORT, "connection": "mine" if n % 2 else "other"} for n in range(10)}

    with django_assert_num_queries(2) as seen:
        parse_job({"tasks": tasks}, owner=owner)

    assert sum("jobs_connection" in query["sql"] for query in seen) == 1


@pytest.mark.parametrize(
    "named", ["missing", "theirs", "id", f"{uuid.UUID(int=1)}", "barrel", 7, ["mine"], {"a": 1}]
)
def test_a_missing_a_foreign_and_another_provider_s_are_the_same(owner, stranger, named):
    foreign = save(stranger, "theirs")
    save(owner, "barrel", provider="cellar")
    wanted = f"{foreign.pk}" if named == "id" else named

    found = problems(owner, connection=wanted)

    text = f"The connection {f'{wanted}'!r} does not exist, or is not one of vault."
    assert found == {"tasks.in.connection": [text]}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("host", "evil.example"),
        ("port", 443),
        ("user", "x"),
        ("password", "another-secret"),
        ("private_key", "another-secret"),
    ],
)
@pytest.mark.parametrize("is_held", [True, False])
def test_where_and_who_are_said_by_the_connection_alone(owner, name, value, is_held):
    held = {**WHOLE, name: value} if is_held else but(name)
    save(owner, options=held if is_held or name != "password" else {**held, "private_key": SECRET})

    found = problems(owner, **{name: value})

    text = f"{name} is said by the connection" if is_held else f"{name} cannot be given beside a connection"
    assert text in found[f"tasks.in.{name}"][0]
    assert "another-secret" not in f"{found}"


def test_a_bucket_may_be_said_if_the_connection_leaves_it_open(owner):
    save(owner, options=but("bucket"))

    draft = parse_task("import/vault", {**IMPORT, "bucket": "mine"}, owner=owner)

    assert draft.payload["bucket"] == "mine"
    assert problems(owner) == {"tasks.in.bucket": ["The bucket field is required."]}


def test_a_bucket_that_is_held_is_not_left(owner):
    save(owner)

    assert problems(owner, bucket="another").keys() == {"tasks.in.bucket"}


@pytest.mark.parametrize(
    ("left_out", "told"), [("host", "host"), ("user", "user"), ("password", "password or private_key")]
)
def test_what_it_lacks_is_named(owner, left_out, told):
    save(owner, options=but(left_out))

    assert problems(owner) == {
        "tasks.in.connection": [f"The connection does not hold {told}, which is needed."]
    }


def test_fields_left_blank_are_not_given(owner):
    save(owner)

    draft = parse_task("import/vault", {**IMPORT, "host": "", "password": None, "bucket": ""}, owner=owner)

    assert draft.payload.keys() == {"operation", "connection", "key"}


def test_without_a_connection_all_is_as_ever(owner):
    payload = {"key": "a", **WHOLE, "connection": ""}

    draft = parse_task("import/vault", payload, owner=owner)

    assert draft.connection is None
    with pytest.raises(InvalidData) as caught:
        parse_task("import/vault", {"key": "a", **but("password", "host")}, owner=owner)
    assert caught.value.problems.keys() == {"host", "password"}


def test_where_there_is_no_storage_the_word_means_nothing(owner):
    save(owner)

    assert parse_task("import/url", {"connection": "mine"}, owner=owner).connection is None


def test_workload_identity_stands_for_the_credentials_only(owner, record):
    save(owner, options=but("user", "password"), workload_identity=True)
    save(owner, "hostless", options={"bucket": "b"}, workload_identity=True)

    assert parse_task("import/vault", IMPORT, owner=owner).connection
    assert "not hold host," in problems(owner, connection="hostless")["tasks.in.connection"][0]
    assert connections.credentials(record) == {"user", "password", "private_key"}


def test_the_hidden_operation_is_nobody_s_to_ask_for(owner):
    save(owner)

    with pytest.raises(InvalidData) as caught:
        parse_task("connection/vault", {"connection": "mine"}, owner=owner)

    assert caught.value.problems == {"operation": ["The operation is unknown."]}
    assert "connection/vault" not in {record.name for record in registry.public()}


# --- Afterwards


def test_deleted_or_emptied_in_between_it_is_gone(owner, record):
    row = save(owner)
    empty = connections.parse({"name": "mine", "options": {"bucket": "b"}}, owner=owner, known=row)
    services.save_connection(empty, owner=owner, known=row)

    with pytest.raises(ConnectionGone, match="no longer holds host, user, password or private_key"):
        connections.use(row.pk, record, owner=owner.pk)
    services.delete_connection(row)
    with pytest.raises(ConnectionGone, match="has been deleted"):
        connections.use(row.pk, record, owner=owner.pk)


def test_it_is_used_by_its_owner_only(owner, stranger, record):
    with pytest.raises(ConnectionGone):
        connections.use(save(owner).pk, record, owner=stranger.pk)


def test_its_last_use_is_noted_once_a_minute(owner, record):
    row = save(owner)

    connections.use(row.pk, record, owner=owner.pk)
    first = Connection.objects.get().used_at
    connections.use(row.pk, record, owner=owner.pk)

    assert Connection.objects.get().used_at == first is not None


def test_resealing_leaves_nothing_to_the_old_key(settings, owner, record, capsys):
    settings.ATHANOR_SEALING_KEYS = OLD
    row = save(owner)
    settings.ATHANOR_SEALING_KEYS = NEW

    with pytest.raises(CommandError, match="and 1 connections cannot be opened"):
        call_command("reseal")
    settings.ATHANOR_SEALING_KEYS = NEW | OLD
    call_command("reseal")

    settings.ATHANOR_SEALING_KEYS = NEW
    assert "and 1 connections anew" in capsys.readouterr().out
    assert "sealed:1:new:" in json.dumps(Connection.objects.get().options)
    assert connections.use(row.pk, record, owner=owner.pk).options == WHOLE


# --- What providers must declare


@pytest.mark.parametrize("name", ["bucket", "container"])
def test_of_every_real_provider_a_job_may_say_the_bucket(name):
    with_it = [option for option in real_places() if option.name == name]

    assert [option for option in with_it if not option.inside] == []


@pytest.mark.parametrize("name", ["access_key_id", "client_email"])
def test_of_every_real_provider_workload_identity_stands_for_who_asks(name):
    with_it = [option for option in real_places() if option.name == name]

    assert [option for option in with_it if not (option.secret or option.credential)] == []


def test_no_real_provider_calls_a_place_as_we_call_a_connection_s_own():
    reserved = {connections.CONNECTION.name, "workload_identity"}

    assert [option.name for option in real_places() if option.name in reserved] == []


REAL = registry.operations
"""What is declared, before the fakes take its place."""


def real_places() -> list[Option]:
    return [option for record in REAL() if record.provider for option in record.options if option.place]
