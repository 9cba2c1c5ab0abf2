from __future__ import annotations

import gzip
import json
import uuid

import pytest
from django.db import OperationalError

from api import lookups
from api.tests.conftest import work
from jobs import intake
from jobs.models import Job, Task

IMPORT = {"operation": "import/url", "url": "https://a.example/report.docx"}
CONVERT = {"operation": "convert", "input": "in", "output_format": "pdf"}


def refused(answer, status, code):
    """Return the body of a refusal, once it is one as the contract says."""
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/json"
    body = answer.json()
    assert body["code"] == code
    assert isinstance(body["message"], str)
    assert all(isinstance(texts, list) and texts for texts in body.get("errors", {}).values())
    assert not Job.objects.exists()
    return body


def problems(me, tasks, **more):
    return refused(me.post("/v2/jobs", {"tasks": tasks, **more}), 422, "INVALID_DATA")["errors"]


@pytest.mark.parametrize("tasks", [{}, [], None, "", 0, False])
def test_a_job_needs_tasks(me, tasks):
    body = refused(me.post("/v2/jobs", {"tasks": tasks}), 422, "INVALID_DATA")

    assert body["message"] == "The given data was invalid."
    assert body["errors"] == {"tasks": ["The tasks field is required."]}


@pytest.mark.parametrize("body", [None, {}, [], {"task": {}}])
def test_a_job_needs_the_tasks_field(me, body):
    answer = me.post("/v2/jobs", body)

    assert refused(answer, 422, "INVALID_DATA")["errors"] == {"tasks": ["The tasks field is required."]}


@pytest.mark.parametrize(
    "tasks", ["text", 7, True, [1, 2], {"a": 1}, {"a": []}, {"a b": IMPORT}, {"": IMPORT}]
)
def test_tasks_of_the_wrong_type(me, tasks):
    assert problems(me, tasks)


def test_ten_thousand_tasks(me):
    tasks = {f"t{n}": IMPORT for n in range(10_000)}

    assert problems(me, tasks) == {"tasks": ["The tasks must be at most 100."]}


def test_all_problems_at_once_keyed_by_task_and_option(me):
    found = problems(
        me,
        {
            "in": {"operation": "import/url"},
            "odd": {"operation": "transmute", "input": "in"},
            "none": {"input": "in"},
            "shot": {
                "operation": "convert",
                "input_format": "pdf",
                "output_format": "png",
                "pixel_density": "many",
                "fit": "tight",
            },
            "deep": {**CONVERT, "output_format": "png", "pixel_density": 5000, "timeout": 0},
            "lost": {**CONVERT, "input": ["nowhere"]},
            "self": {**CONVERT, "input": ["self"]},
        },
        webhook_url="ftp://x",
    )

    assert set(found) == {
        "tasks.in.url",
        "tasks.odd.operation",
        "tasks.none.operation",
        "tasks.shot.input",
        "tasks.shot.pixel_density",
        "tasks.shot.fit",
        "tasks.deep.pixel_density",
        "tasks.deep.timeout",
        "tasks.lost.input",
        "tasks.self.input",
        "webhook_url",
    }
    assert found["tasks.in.url"] == ["The url field is required."]


def test_a_cycle(me):
    found = problems(
        me, {"a": {**CONVERT, "input": "b"}, "b": {**CONVERT, "input": ["c"]}, "c": {**CONVERT, "input": "a"}}
    )

    assert list(found.values()) == [["The tasks need each other in a circle: a → b → c → a."]]


def test_a_task_that_is_its_own_input(me):
    assert list(problems(me, {"a": {**CONVERT, "input": "a"}})) == ["tasks.a.input"]


def test_another_customers_task_and_no_task_are_the_same(me, other):
    theirs = other.post("/v2/import/url", IMPORT).json()["data"]["id"]
    nobodys = f"{uuid.uuid4()}"

    in_job = [problems(me, {"a": {**CONVERT, "input": pk}}) for pk in (theirs, nobodys)]
    alone = [me.post("/v2/convert", {"input": pk, "output_format": "pdf"}) for pk in (theirs, nobodys)]

    assert [found["tasks.a.input"] for found in in_job] == [
        [f"The task {pk!r} does not exist."] for pk in (theirs, nobodys)
    ]
    assert [list(refused(answer, 422, "INVALID_DATA")["errors"]) for answer in alone] == [["input"]] * 2


@pytest.mark.parametrize("name", ["", " in", "\u202ein"])
def test_an_input_that_is_no_tasks_name(me, name):
    found = problems(me, {"in": IMPORT, "a": {**CONVERT, "input": [name]}})

    assert found == {"tasks.a.input": [f"The task {name!r} does not exist."]}


def test_an_earlier_task_of_ones_own_is_an_input(me):
    mine = me.post("/v2/import/url", IMPORT).json()["data"]["id"]

    job = me.job({"a": {**CONVERT, "input": mine}})

    assert job["tasks"][0]["depends_on_task_ids"] == [mine]


def test_an_input_deleted_at_this_moment(me, monkeypatch):
    mine = me.post("/v2/import/url", IMPORT).json()["data"]["id"]
    parse = intake.parse_job

    def parse_and_lose(*arguments, **named):
        draft = parse(*arguments, **named)
        assert me.delete(f"/v2/tasks/{mine}").status_code == 204
        return draft

    monkeypatch.setattr(intake, "parse_job", parse_and_lose)

    assert list(problems(me, {"a": {**CONVERT, "input": mine}})) == ["input"]


@pytest.mark.parametrize("name", ["../../x", "pdf;id", "exe", "p" * 1000])
def test_a_format_nobody_makes(me, name):
    answer = me.post("/v2/jobs", {"tasks": {"in": IMPORT, "a": {**CONVERT, "output_format": name}}})

    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == ["tasks.a.output_format"]


def test_a_conversion_nobody_offers_has_its_own_code(me):
    tasks = {"in": IMPORT, "a": {**CONVERT, "input_format": "png", "output_format": "odt"}}

    body = refused(me.post("/v2/jobs", {"tasks": tasks}), 422, "INVALID_CONVERSION_TYPE")

    assert body["message"] == "This conversion type is not supported"


@pytest.mark.parametrize("engine", ["bash", "../x", 7])
def test_an_engine_nobody_has(me, engine):
    assert list(problems(me, {"in": IMPORT, "a": {**CONVERT, "engine": engine}})) == ["tasks.a.engine"]


def test_problems_of_a_task_on_its_own_are_keyed_by_option(me):
    answer = me.post("/v2/import/url", {"url": "nonsense"})

    assert refused(answer, 422, "INVALID_DATA")["errors"] == {"url": ["The url format is invalid."]}


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "nonsense",
        '{"tasks": NaN}',
        '{"tasks": Infinity}',
        '{"tasks": 1e999}',
        '{"tasks": ' + "9" * 100_000 + "}",
        '{"tasks": {"a": {}, "a": {}}}',
        '{"tasks": "\\ud800"}',
        '{"\\ud800": 1}',
        '{"tag": "a\\u0000b"}',
        '{"a\\u0000b": 1}',
        "[" * 10_000 + "]" * 10_000,
        '{"a":' * 10_000 + "1" + "}" * 10_000,
        '{"a":' * 33 + "1" + "}" * 33,
        "7",
        '"text"',
        "true",
        "null",
        "[1]",
        b'{"tag": "\xff\xfe"}',
        b"\x00\x01",
    ],
    ids=lambda text: f"{text[:12]!r}",
)
def test_bodies_that_are_no_json_objects(me, text):
    for path in ("/v2/jobs", "/v2/import/url"):
        refused(me("POST", path, text), 400, "BAD_REQUEST")


def test_a_body_may_be_thirty_two_deep(me):
    text = '{"a":' * 32 + "1" + "}" * 32

    assert refused(me("POST", "/v2/jobs", text), 422, "INVALID_DATA")


def test_a_body_over_the_limit(me, settings):
    settings.ATHANOR_MAX_BODY_BYTES = 100

    refused(me.post("/v2/jobs", {"tag": "x" * 100}), 413, "PAYLOAD_TOO_LARGE")


def test_ten_megabytes_are_within_the_limit(me):
    file = "x" * (10 * 1024 * 1024)

    assert me.post("/v2/import/raw", {"file": file, "filename": "a.txt"}).status_code == 201


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", "nonsense"],
)
def test_other_content_types(me, kind):
    answer = me("POST", "/v2/jobs", '{"tasks": {}}', content_type=kind)

    refused(answer, 415, "UNSUPPORTED_MEDIA_TYPE")


def test_json_may_name_its_charset(me):
    body = json.dumps({"tasks": {"in": IMPORT}})

    assert me("POST", "/v2/jobs", body, content_type="application/json; charset=UTF-8").status_code == 201


def test_a_compressed_body(me):
    body = gzip.compress(json.dumps({"tasks": {"in": IMPORT}}).encode())

    refused(me("POST", "/v2/jobs", body, **{"Content-Encoding": "gzip"}), 415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize(
    "pk",
    [
        "x",
        "1",
        "null",
        "%00",
        "%27%20OR%201=1--",
        "..%2f..%2fetc",
        "{00000000-0000-4000-8000-000000000001}",
        "00000000000040008000000000000001",
        "00000000-0000-4000-8000-00000000000g",
        "00000000-0000-4000-8000-000000000001",
        "%ff%fe",
    ],
)
def test_ids_that_are_none_are_not_found(me, pk):
    for path in (
        f"/v2/jobs/{pk}",
        f"/v2/jobs/{pk}/wait",
        f"/v2/tasks/{pk}?include=payload",
        f"/v2/tasks/{pk}/wait",
    ):
        assert refused(me.get(path), 404, "NOT_FOUND") == {"message": "Not found.", "code": "NOT_FOUND"}


@pytest.mark.parametrize("verb", ["cancel", "retry"])
@pytest.mark.parametrize("pk", ["x", "%00", "00000000-0000-4000-8000-000000000001"])
def test_ids_that_are_none_cannot_be_acted_on(me, verb, pk):
    refused(me.post(f"/v2/tasks/{pk}/{verb}", {}), 404, "NOT_FOUND")


@pytest.mark.parametrize(
    "path", ["/v2/nonsense", "/v2/jobs/x/y", "/v2", "/v3/jobs", "/nonsense", "/v2//jobs", "/v2/%00"]
)
def test_paths_that_lead_nowhere(me, path):
    for method in ("GET", "POST", "DELETE"):
        refused(me(method, path), 404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/v2/jobs"),
        ("DELETE", "/v2/jobs"),
        ("PATCH", "/v2/tasks/00000000-0000-4000-8000-000000000001"),
        ("GET", "/v2/tasks/00000000-0000-4000-8000-000000000001/cancel"),
        ("GET", "/v2/convert"),
        ("POST", "/v2/users/me"),
        ("POST", "/v2/operations"),
        ("DELETE", "/v2/jobs/00000000-0000-4000-8000-000000000001/wait"),
    ],
)
def test_methods_that_are_not_there(me, method, path):
    answer = me(method, path)

    refused(answer, 405, "METHOD_NOT_ALLOWED")
    assert answer["Allow"]


QUERY_NAMES = [
    *("filter[status]", "filter[tag]", "filter[job_id]", "filter[operation]", "filter[access_token]"),
    *("filter[engine]", "filter[engine_version]", "filter[input_format]", "filter[]", "filter[__class__]"),
    *("include", "page", "per_page", "sort", "alternatives"),
]


@pytest.mark.parametrize(
    "text", ["'; DROP TABLE jobs_job; --", "%00", "%ff", "../..", "{{7*7}}", "1e999", "☃", "x" * 5000]
)
def test_queries_cannot_do_harm(me, text):
    paths = [
        f"{path}?{name}={text}"
        for path in ("/v2/jobs", "/v2/tasks", "/v2/operations")
        for name in QUERY_NAMES
    ]

    assert {path: me.get(path).status_code for path in paths} == dict.fromkeys(paths, 200)


def test_a_query_of_ten_thousand_fields(me):
    refused(me.get("/v2/jobs?" + "&".join(f"a{n}=1" for n in range(10_000))), 400, "BAD_REQUEST")


def test_a_bug_is_told_as_json_and_logged(me, monkeypatch, caplog):
    def fail(*_, **__):
        raise ZeroDivisionError("seeded")

    monkeypatch.setattr(lookups, "jobs", fail)

    body = refused(me.get("/v2/jobs"), 500, "INTERNAL_ERROR")

    assert body == {"message": "Server Error", "code": "INTERNAL_ERROR"}
    assert "ZeroDivisionError: seeded" in caplog.text


def test_a_database_that_does_not_answer_is_told_as_such(me, monkeypatch):
    def fail(*_, **__):
        raise OperationalError("locked")

    monkeypatch.setattr(lookups, "jobs", fail)

    answer = me.get("/v2/jobs")

    refused(answer, 503, "UNAVAILABLE")
    assert answer["Retry-After"] == "5"


def test_what_was_accepted_survives_a_refusal(me):
    job = me.job({"in": IMPORT})
    me.post("/v2/jobs", {"tasks": {}})
    me("POST", "/v2/jobs", "{")

    assert me.get(f"/v2/jobs/{job['id']}").status_code == 200
    assert Task.objects.count() == 1
    assert work("storage", "a.docx")
