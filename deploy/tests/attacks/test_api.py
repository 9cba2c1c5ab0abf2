"""A40, A41, A59 to A66, A68, A70, A71, A74 to A76: what a client sends, and what others may see of it."""

from __future__ import annotations

import gzip
import itertools
import json
import re
import socket
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest

from jobs import registry

from . import hostile
from .siege import conversion, import_of

pytestmark = [pytest.mark.attack, pytest.mark.needs("convert")]
IMPORT = {"operation": "import/raw", "file": "x", "filename": "a.txt"}
OUT = {"operation": "export/url", "input": "made"}


def refused(answer, *statuses):
    """Return the body of a refusal, once it is one."""
    assert answer.status_code in statuses, (answer.status_code, answer.text[:300])
    body = answer.json()
    assert body["code"] and body["message"]
    return body


def as_json(siege, text, path="/v2/jobs"):
    """Post a body as it is."""
    return siege.stack.api.post(path, content=text, headers={"Content-Type": "application/json"})


# --- Values


@pytest.mark.parametrize(
    "name",
    [
        *(
            "../../x",
            "../../../etc/passwd",
            "pdf;id",
            "pdf\0png",
            "pdf\npng",
            "pdf png",
            "exe",
            "",
            ".",
            "..",
            "-o",
        ),
        *(
            "$(id)",
            "p" * 100_000,
            "pdf/",
            "/pdf",
            "PDF\u202e",
            "pdf|png",
            "%70df",
            "png:../x",
            "{{7*7}}",
            "*",
        ),
        *(7, True, ["pdf"], {"pdf": 1}, 1e300, -1),
    ],
    ids=lambda name: f"{name!r:.20}",
)
def test_a40_a_format_is_one_of_ours_or_refused(siege, name):
    tasks = {"in": IMPORT, "made": {"operation": "convert", "input": "in", "output_format": name}}

    body = refused(siege.stack.api.post("/v2/jobs", json={"tasks": tasks}), 400, 422)
    alone = siege.stack.api.post(
        "/v2/convert", json={"input": [], "output_format": name, "input_format": name}
    )

    # A NUL is no JSON that we read.
    assert body["code"] == "BAD_REQUEST" or set(body["errors"]) == {"tasks.made.output_format"}
    assert alone.status_code in {400, 422}


@pytest.mark.parametrize(
    "engine", ["bash", "../x", "ffmpeg;id", "", 7, ["ffmpeg"], "FFMPEG", "python3", "ffmpeg\0"]
)
@pytest.mark.parametrize("version", ["../x", "$(id)", "9" * 300])
def test_a41_an_engine_is_one_of_ours_or_refused(siege, engine, version):
    made = {
        "operation": "convert",
        "input": "in",
        "output_format": "pdf",
        "engine": engine,
        "engine_version": version,
    }

    answer = siege.stack.api.post("/v2/jobs", json={"tasks": {"in": IMPORT, "made": made}})

    # An empty engine is none: what is left is its version, which nobody has.
    if engine == "" and len(version) < 50 and answer.status_code == 201:
        end = siege.end(answer.json()["data"]["id"])
        siege.harmless(end)
        assert end.failed or not any(mark in f"{end.made['engine_version']}" for mark in ("..", "$"))
        return
    refused(answer, 400, 422)


WRONG = [
    *(
        None,
        True,
        0,
        -1,
        10**40,
        1e308,
        "",
        "x",
        "x" * 70_000,
        "\u202e\ufeff",
        "é\U0001f600",
        [],
        [[]],
        [None],
        {},
    ),
    *(
        {"": ""},
        {"a": {"b": []}},
        [{}],
        "%s%n%x",
        "'\";--",
        "../../etc/passwd",
        "{{7*7}}",
        "\x1b[31m",
        "-1",
        "1e999",
    ),
]


def test_a59_no_value_of_any_option_is_a_bug_of_ours(siege):
    options = {}
    for record in registry.operations():
        options.setdefault(record.name, set()).update(option.name for option in record.options)
    common = {
        "input",
        "timeout",
        "ignore_error",
        "filename",
        "engine",
        "input_format",
        "output_format",
        "operation",
    }
    asked = []
    for name, own in options.items():
        for number, option in enumerate(sorted(own | common)):
            # Every option meets every value over the operations; all of all would take minutes.
            for value in WRONG[number % 5 :: 5]:
                task = {"operation": name, "input": "in", "output_format": "pdf", "timeout": 1, option: value}
                asked.append({"tasks": {"in": {"operation": "import/upload"}, "made": task}})
    for key, value in itertools.product(("tasks", "tag", "webhook_url", "redirect", "x"), WRONG):
        asked.append({"tasks": {"in": {"operation": "import/upload"}}, key: value})

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda body: siege.stack.api.post("/v2/jobs", json=body), asked))

    bugs = [
        (body, answer.text) for body, answer in zip(asked, answers, strict=True) if answer.status_code >= 500
    ]
    assert bugs == []
    assert {answer.status_code for answer in answers} <= {201, 400, 413, 422}
    for answer in answers:
        if answer.status_code == 201:
            siege.stack.api.delete(f"/v2/jobs/{answer.json()['data']['id']}")


BODIES = [
    *(
        "",
        "{",
        "[]",
        "7",
        "null",
        "NaN",
        '{"tasks": NaN}',
        '{"tasks": -Infinity}',
        '{"tasks": 1e999}',
        "\ufeff{}",
    ),
    *(
        "[" * 10_000,
        "[" * 10_000 + "]" * 10_000,
        '{"a":' * 10_000 + "1" + "}" * 10_000,
        '{"tasks": {"a": {}, "a": {}}}',
    ),
    *(
        '{"tasks": "\\ud800"}',
        '{"a\\u0000": 1}',
        '{"tasks": ' + "9" * 1_000_000 + "}",
        '{"tasks": 0x10}',
        "{'a': 1}",
    ),
    *(
        b"\xff\xfe{\0}\0",
        b"\x00",
        b'{"tag": "\xc0\xaf"}',
        '{"tasks": {}} {}',
        '{"__proto__": {"x": 1}}',
        "//\n{}",
    ),
    '{"tag": "' + "\\u0041" * 300_000 + '"}',
]


@pytest.mark.parametrize("text", BODIES, ids=lambda text: f"{text[:16]!r}")
def test_a59_no_body_is_a_bug_of_ours(siege, text):
    for path in ("/v2/jobs", "/v2/import/url", "/v2/convert"):
        refused(as_json(siege, text, path), 400, 413, 422)


def test_a60_graphs_that_cannot_be_are_refused(siege):
    convert = {"operation": "convert", "output_format": "pdf"}
    link = lambda *names: {**convert, "input": list(names)}  # noqa: E731 - shorter than what it makes
    chain = {f"t{n}": link(f"t{n - 1}") for n in range(1, 60)}
    bad = {
        "circle": {"a": link("b"), "b": link("c"), "c": link("a")},
        "itself": {"a": link("a")},
        "many": {f"t{n}": IMPORT for n in range(10_000)},
        "deep": {"t0": IMPORT, **chain},
        "unknown": {"a": link("nowhere")},
        "nobody": {"a": link(f"{uuid.uuid4()}")},
        "odd names": {"a b": IMPORT, "../x": IMPORT, "": IMPORT, "a\n": IMPORT, "x" * 300: IMPORT},
        "inputs": {"in": IMPORT, "a": link(*["in"] * 600, *(f"{uuid.uuid4()}" for _ in range(600)))},
        "no input": {"a": {**convert, "input": []}},
        "strange": {"a": link({"a": 1}), "b": link(["a"]), "c": link(7)},
        "circle of two": {"in": IMPORT, "a": link("in", "b"), "b": link("a")},
    }

    for name, tasks in bad.items():
        answer = siege.stack.api.post("/v2/jobs", json={"tasks": tasks})
        assert answer.status_code == 422, (name, answer.text[:200])
        refused(answer, 422)


# --- Other customers


@pytest.fixture(scope="module")
def theirs(siege):
    """A job of somebody else with a result, and one that waits."""
    done = siege.run({"made": {**IMPORT, "file": "theirs alone"}, "out": OUT})
    waits = siege.stack.api.post("/v2/jobs", json={"tasks": {"up": {"operation": "import/upload"}}}).json()[
        "data"
    ]
    return {"done": done.job, "waits": waits}


def test_a61_what_is_somebody_elses_is_not_there(siege, theirs):
    other = siege.stack.other
    sync = httpx.Client(base_url=siege.stack.about["sync_url"], headers=other.headers, timeout=20)
    missing = f"{uuid.uuid4()}"
    for job in theirs.values():
        for kind, pk in [("jobs", job["id"]), *(("tasks", task["id"]) for task in job["tasks"])]:
            for method, end in (
                ("GET", ""),
                ("GET", "/wait"),
                ("DELETE", ""),
                ("POST", "/cancel"),
                ("POST", "/retry"),
            ):
                if kind == "jobs" and method == "POST":
                    continue
                answers = [
                    client.request(method, f"/v2/{kind}/{each}{end}")
                    for each in (pk, missing)
                    for client in (other, sync)
                ]
                assert {answer.status_code for answer in answers} == {404}
                assert len({answer.content for answer in answers}) == 1
        assert siege.stack.api.get(f"/v2/jobs/{job['id']}").json()["data"]["status"] == job["status"]


def test_a61_lists_hold_ones_own_only(siege, theirs):
    ids = {job["id"] for job in theirs.values()} | {
        task["id"] for job in theirs.values() for task in job["tasks"]
    }
    job = theirs["done"]["id"]
    for path in ("/v2/jobs", "/v2/tasks"):
        for query in (
            "",
            "?per_page=1000",
            f"?filter[job_id]={job}",
            "?include=tasks,job,payload,retries,depends_on_tasks",
        ):
            # What was asked for is said again in the links to other pages.
            rows = json.dumps(siege.stack.other.get(path + query).json()["data"])
            assert not [pk for pk in ids if pk in rows]


def test_a62_somebody_elses_task_is_no_input(siege, theirs):
    task = theirs["done"]["tasks"][0]["id"]
    references = [
        {"input": task},
        {"input": [task]},
        {"input": {"a": task}},
        {"input": task.upper()},
        {"input": f"{{{task}}}"},
    ]

    for reference in references:
        for path in ("/v2/convert", "/v2/export/url", "/v2/archive"):
            answer = siege.stack.other.post(path, json={"output_format": "zip", **reference})
            refused(answer, 404, 422)
        made = {"operation": "archive", "output_format": "zip", **reference}
        refused(siege.stack.other.post("/v2/jobs", json={"tasks": {"made": made}}), 404, 422)


INJECTIONS = [
    *(
        "'; DROP TABLE jobs_job; --",
        "%00",
        "%ff",
        "../..",
        "{{7*7}}",
        "1e999",
        "☃",
        "x" * 5000,
        "1 OR 1=1",
        "$ne",
    ),
    *("__class__", "owner__password", "-password", "created_at;", "tasks__owner", "9" * 30, "-1", "0", "1.5"),
]


def test_a63_queries_do_no_harm(siege):
    names = [
        "include",
        "page",
        "per_page",
        "sort",
        "filter[status]",
        "filter[tag]",
        "filter[job_id]",
        "filter[operation]",
    ]
    names += ["filter[owner__password]", "filter[]", "order", "fields", "filter[tag__regex]", "alternatives"]
    paths = [
        f"{path}?{name}={text}" for path in ("/v2/jobs", "/v2/tasks") for name in names for text in INJECTIONS
    ]

    with ThreadPoolExecutor(8) as pool:
        answers = dict(zip(paths, pool.map(siege.stack.api.get, paths), strict=True))

    assert {path: a.status_code for path, a in answers.items() if a.status_code not in {200, 400, 422}} == {}
    rows = {path: json.dumps(answer.json().get("data")) for path, answer in answers.items()}
    assert not [path for path, text in rows.items() if "password" in text]
    many = siege.stack.api.get("/v2/tasks?per_page=1000000000").json()
    assert len(many["data"]) <= 1000


# --- Signed forms and links


def form_of(siege):
    """Return a fresh task for an upload and its form."""
    task = siege.stack.api.post("/v2/import/upload").json()["data"]
    return task["id"], task["result"]["form"]


def send(url, parameters, data=b"hello"):
    return httpx.post(url, data=parameters, files={"file": ("a.txt", data)}, timeout=30)


def test_a64_an_altered_form_takes_nothing(siege):
    task, form = form_of(siege)
    another, other_form = form_of(siege)
    own = form["parameters"]
    changes = [
        *(
            {"max_file_size": text}
            for text in (f"{int(own['max_file_size']) + 1}", "0", "-1", "1e9", "٣", "")
        ),
        *(
            {"expires": text}
            for text in (f"{int(own['expires']) + 1}", "99999999999", "", "x", "0" + own["expires"])
        ),
        *(
            {"signature": text}
            for text in ("", "0" * 64, own["signature"].upper(), own["signature"][:-1], "x")
        ),
        *({"key_id": text} for text in ("", "x", "00000000")),
        {"signature": other_form["parameters"]["signature"]},
        {"key": other_form["parameters"]["key"]},
    ]

    for change in changes:
        answer = send(form["url"], {**own, **change})
        assert answer.status_code in {403, 404}, (change, answer.text)
    crossed = send(form["url"].replace(task, another), own)
    assert crossed.status_code == 403
    assert siege.stack.api.get(f"/v2/tasks/{task}").json()["data"]["status"] == "waiting"


def test_a64_a_form_is_good_for_one_file(siege):
    task, form = form_of(siege)

    first = send(form["url"], form["parameters"])
    again = send(form["url"], form["parameters"], b"other")

    assert (first.status_code, again.status_code) == (201, 409)
    with ThreadPoolExecutor(6) as pool:
        _, race = form_of(siege)
        answers = [
            answer.status_code
            for answer in pool.map(lambda n: send(race["url"], race["parameters"], b"x" * n), range(6))
        ]
    assert sorted(answers) == [201, *[409] * 5]
    # What allows an upload does not allow a download.
    asked = urlencode({"file": task, "disposition": "attachment", **form["parameters"]})
    assert httpx.get(f"{form['url'].replace('uploads', 'tasks')}/a.txt?{asked}").status_code == 403


def test_a64_names_and_folders_in_a_form_are_only_names(siege):
    before = {
        path for path in siege.stack.data_dir.rglob("*") if path.is_file() and "files" not in path.parts
    }
    for name in ("../../../x", "/etc/x", "..\\..\\x", "a\0b", "x" * 5000, "..", "", "a\r\nX: y", "\u202e"):
        task, form = form_of(siege)
        answer = httpx.post(
            form["url"],
            data={**form["parameters"], "key": f"{task}/{name}"},
            files={"file": (name or "x", b"hello")},
        )
        assert answer.status_code in {201, 400, 403}, answer.text
        if answer.status_code == 201:
            shown = siege.stack.api.get(f"/v2/tasks/{task}").json()["data"]["result"]["files"][0]["filename"]
            assert (
                not set(shown) & set("/\\\0\r\n\u202e")
                and len(shown.encode()) <= 200
                and shown not in {".", ".."}
            )
    after = {path for path in siege.stack.data_dir.rglob("*") if path.is_file() and "files" not in path.parts}
    assert {
        path
        for path in after - before
        if path.parent.name not in {"log", "work"} and "siege" not in path.name
    } == set()


@pytest.fixture(scope="module")
def link(siege, theirs):
    """A link to a file."""
    out = next(task for task in theirs["done"]["tasks"] if task["name"] == "out")
    return out["result"]["files"][0]["url"]


def altered(link, **changes):
    parts = urlsplit(link)
    query = dict(parse_qsl(parts.query)) | changes
    return parts._replace(
        query=urlencode({key: value for key, value in query.items() if value is not None})
    ).geturl()


def test_a65_an_altered_link_opens_nothing(siege, link, theirs):
    query = dict(parse_qsl(urlsplit(link).query))
    task = theirs["done"]["tasks"][0]["id"]
    forged = [
        *(altered(link, file=text) for text in (f"{uuid.uuid4()}", "", "x", query["file"].upper() + "0")),
        *(
            altered(link, expires=text)
            for text in (f"{int(query['expires']) + 1}", "99999999999", "", "0" + query["expires"])
        ),
        *(
            altered(link, signature=text)
            for text in (
                "",
                "0" * 64,
                query["signature"].upper(),
                query["signature"][1:] + query["signature"][0] + "0",
            )
        ),
        *(altered(link, disposition=text) for text in ("inline", "", "x")),
        *(altered(link, key=text) for text in ("", "00000000", "x")),
        *(altered(link, **{name: None}) for name in query),
        re.sub(r"/tasks/[0-9a-f-]+/", f"/tasks/{task}/", link),
        re.sub(r"/tasks/[0-9a-f-]+/", f"/tasks/{uuid.uuid4()}/", link),
        urlsplit(link)._replace(query="").geturl(),
    ]

    answers = [httpx.get(each) for each in forged]
    same = [httpx.request(method, each) for each in forged[:3] for method in ("HEAD", "GET")]

    opened = [answer.url for answer in (*answers, *same) if answer.status_code not in {403, 404}]
    assert opened == []
    assert all(b"theirs alone" not in answer.content for answer in answers)
    assert httpx.get(link).content == b"theirs alone"


@pytest.mark.parametrize(
    "asked",
    [
        *(
            "bytes=0-999999999999999999999",
            "bytes=-0",
            "bytes=99-1",
            "bytes=" + "0-1," * 5000,
            "bytes=a-b",
            "lines=1-2",
        ),
        *(
            "bytes=-999999",
            "bytes=5-",
            "bytes= 1 - 2",
            "bytes=\t" + " " * 30_000 + "1-2",
            "bytes=0-0,-1",
            "bytes=--1",
        ),
    ],
    ids=lambda asked: asked[:14],
)
def test_a65_odd_ranges_show_no_more_than_the_file(siege, link, asked):
    for method in ("GET", "HEAD"):
        answer = httpx.request(method, link, headers={"Range": asked})

        assert answer.status_code in {200, 206, 400, 416}
        assert method == "HEAD" or answer.status_code not in {200, 206} or answer.content in b"theirs alone"


def test_a65_signatures_are_compared_in_constant_time(monkeypatch):
    # Its time tells nothing about how much of a guess was right: every comparison goes through hmac's.
    import hmac

    from api import links

    compared = []
    whole = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", lambda a, b: compared.append((a, b)) or whole(a, b))
    guess = {"expires": "99999999999", "key": "x", "signature": "0" * 64, "file": f"{uuid.uuid4()}"}

    guess["key"] = guess["key_id"] = next(links._keys())[0]
    with pytest.raises(links.LinkRefused):
        links.check_download(guess, task=uuid.uuid4())
    with pytest.raises(links.LinkRefused):
        links.check_upload({**guess, "max_file_size": "1"}, task=uuid.uuid4())

    assert [len(wanted) for wanted, _ in compared] == [64, 64]


ENDPOINTS = [
    *(("GET", path) for path in ("/v2/jobs", "/v2/tasks", "/v2/users/me", "/v2/jobs/{id}", "/v2/tasks/{id}")),
    *(("GET", path) for path in ("/v2/jobs/{id}/wait", "/v2/tasks/{id}/wait")),
    *(
        ("POST", path)
        for path in ("/v2/jobs", "/v2/import/url", "/v2/convert", "/v2/import/upload", "/v2/archive")
    ),
    *(("POST", path) for path in ("/v2/tasks/{id}/cancel", "/v2/tasks/{id}/retry", "/v2/capture-website")),
    *(("DELETE", path) for path in ("/v2/jobs/{id}", "/v2/tasks/{id}")),
]


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_a66_no_key_or_a_malformed_one_opens_nothing(siege, method, path):
    url, key = siege.stack.about["url"], siege.stack.about["api_key"]
    filled = url + path.format(id=uuid.uuid4())
    headers = [
        {},
        *({"Authorization": text} for text in ("Bearer", "Bearer x", f"Basic {key}", f"Token {key}", key)),
        *(
            {"Authorization": text}
            for text in (f"Bearer {key}x", f"Bearer {key[:-1]}", f"Bearer {key} {key}")
        ),
        *(
            {"Authorization": text}
            for text in (f"Bearer {key.lower()}", "Bearer " + "x" * 5000, f'Bearer "{key}"')
        ),
        {"X-Api-Key": key},
        {"Cookie": f"Authorization=Bearer {key}; api_key={key}"},
    ]

    for each in headers:
        answer = httpx.request(method, filled, headers=each)
        assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHENTICATED")
    asked = httpx.request(method, f"{filled}?api_key={key}&access_token={key}&key={key}")
    assert asked.status_code == 401


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_a66_a_key_that_may_read_changes_nothing(siege, method, path):
    headers = {"Authorization": f"Bearer {siege.stack.about['api_key_readonly']}"}

    answer = httpx.request(method, siege.stack.about["url"] + path.format(id=uuid.uuid4()), headers=headers)

    assert answer.status_code in ({200, 404} if method == "GET" else {403})


def operator(siege):
    """Return a client that is logged in to the operators' pages."""
    about = siege.stack.about
    client = httpx.Client(base_url=about["url"], follow_redirects=True, timeout=30)
    page = client.get("/admin/login/")
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)[1]
    login = {
        "username": about["admin_user"],
        "password": about["admin_password"],
        "csrfmiddlewaretoken": token,
    }
    answer = client.post("/admin/login/?next=/admin/", data=login, headers={"Referer": about["url"]})
    assert "Log out" in answer.text or "logout" in answer.text
    return client


def test_a66_a_revoked_key_ends_at_once(siege):
    page = operator(siege)
    form = page.get("/admin/jobs/apikey/add/")
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form.text)[1]
    owner = re.findall(r'<option value="(\d+)"', form.text)[0]
    key = "k" * 20 + uuid.uuid4().hex
    wanted = {"csrfmiddlewaretoken": token, "owner": owner, "name": "short-lived", "existing": key}
    page.post(
        "/admin/jobs/apikey/add/",
        data={**wanted, "scopes": ["task.read", "user.read"]},
        headers={"Referer": f"{form.url}"},
    )
    headers = {"Authorization": f"Bearer {key}"}
    before = httpx.get(f"{siege.stack.about['url']}/v2/jobs", headers=headers).status_code
    listed = page.get("/admin/jobs/apikey/?q=short-lived")
    pk = re.search(r'name="_selected_action" value="([^"]+)"', listed.text)[1]
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', listed.text)[1]
    page.post(
        "/admin/jobs/apikey/",
        data={"csrfmiddlewaretoken": token, "action": "revoke", "_selected_action": pk},
        headers={"Referer": f"{listed.url}"},
    )

    assert before == 200
    assert httpx.get(f"{siege.stack.about['url']}/v2/jobs", headers=headers).status_code == 401
    assert key not in listed.text


# --- Browsers


def test_a68_a_page_of_somebody_else_cannot_act_for_an_operator(siege):
    page = operator(siege)
    evil = {"Origin": "https://evil.example", "Referer": "https://evil.example/"}
    posts = [
        "/admin/logout/",
        "/admin/jobs/task/",
        "/admin/jobs/apikey/",
        "/admin/jobs/apikey/add/",
        "/admin/password_change/",
    ]

    answers = {
        path: page.post(path, data={"action": "cancel"}, headers=evil, follow_redirects=False)
        for path in posts
    }

    assert {path: answer.status_code for path, answer in answers.items()} == dict.fromkeys(posts, 403)
    assert page.get("/admin/").status_code == 200
    # The session is no key: cookies open no API.
    assert page.get("/v2/jobs").status_code == 401
    cookies = [value for name, value in page.get("/admin/").headers.multi_items() if name == "set-cookie"]
    assert all("samesite" in cookie.lower() for cookie in cookies)
    assert page.get("/admin/").headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize(
    "path", ["/v2/jobs", "/v2/users/me", "/admin/login/", "/readyz", "/storage/tasks/x", "/v2/operations"]
)
def test_a68_no_origin_is_allowed_with_credentials(siege, path):
    for origin in ("https://evil.example", "null", "http://127.0.0.1.evil.example"):
        for method in ("GET", "OPTIONS"):
            asked = {
                "Origin": origin,
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "authorization",
            }
            answer = siege.stack.api.request(method, path, headers=asked)
            assert "access-control-allow-credentials" not in answer.headers
            assert answer.headers.get("access-control-allow-origin") in {None, "*"}


ODD = 'a\nINFO forged line\r\n\x1b[31mred\x1b[0m\t%s%n%(levelname)s {0.__class__} ${jndi:ldap://127.0.0.1/x} "q" \u202e.png'


def test_a70_names_and_tags_forge_no_line_in_the_log(siege):
    jobs = [
        siege.post(conversion(b"not a picture", ODD, "webp", input_format="png", filename=ODD), tag=ODD),
        siege.post({"made": {**IMPORT, "filename": ODD}, "out": {**OUT, "inline": True}}, tag=ODD),
    ]
    ends = [siege.end(job) for job in jobs]
    siege.stack.api.get("/v2/jobs", params={"filter[tag]": ODD, "x": ODD})
    for header in ("User-Agent", "X-Forwarded-For", "Host", "Referer"):
        httpx.get(
            siege.stack.about["url"] + "/v2/jobs",
            headers={header: ODD.replace("\n", " ").replace("\r", " ").encode()},
        )

    log = siege.logs
    assert "\x1b[31m" not in log and not re.search(r"^INFO forged line", log, re.MULTILINE)
    for end in ends:
        siege.harmless(end)
    out = next(task for task in ends[1].job["tasks"] if task["name"] == "out")
    answer = httpx.get(out["result"]["files"][0]["url"])
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.lower() in {"info forged line", "set-cookie"}]
    assert answer.headers["content-disposition"].isprintable()
    shown = siege.stack.api.get(f"/v2/jobs/{jobs[0]}")
    assert shown.json()["data"]["tag"] == ODD and "\x1b" not in shown.text


def test_a71_a_page_or_drawing_shown_inline_does_nothing(siege):
    files = {
        "svg": '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        "html": "<script>alert(1)</script>",
    }
    files |= {
        "xml": "<x/>",
        "xhtml": "<html/>",
        "txt": "<script>",
        "js": "alert(1)",
        "png": "<script>alert(1)</script>",
    }

    for kind, text in files.items():
        for inline in (True, False):
            end = siege.run(
                {"made": {**IMPORT, "file": text, "filename": f"x.{kind}"}, "out": {**OUT, "inline": inline}}
            )
            out = next(task for task in end.job["tasks"] if task["name"] == "out")
            headers = httpx.get(out["result"]["files"][0]["url"]).headers
            assert (
                "sandbox" in headers["content-security-policy"]
                and "default-src 'none'" in headers["content-security-policy"]
            )
            assert "script-src" not in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["content-disposition"].startswith("inline" if inline else "attachment")
            assert "set-cookie" not in headers


def test_a74_a_packed_body_is_not_unpacked(siege):
    packed = gzip.compress(b'{"tasks": "' + b"x" * 50_000_000 + b'"}')
    for coding in ("gzip", "deflate", "br", "zstd", "gzip, gzip", "x-gzip"):
        headers = {"Content-Type": "application/json", "Content-Encoding": coding}
        refused(siege.stack.api.post("/v2/jobs", content=packed, headers=headers), 415)
    _, form = form_of(siege)
    answer = httpx.post(
        form["url"],
        data=form["parameters"],
        files={"file": ("a.txt", packed)},
        headers={"Content-Encoding": "gzip"},
    )
    assert answer.status_code in {201, 400, 415}


# --- Bytes


def exchange(siege, data):
    """Send bytes and return everything that comes back before the other side closes."""
    parts = urlsplit(siege.stack.about["url"])
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        try:
            while piece := connection.recv(65536):
                answer += piece
        except ConnectionResetError:
            pass
        return answer


HEAD = "POST /v2/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{}\r\n"
INNER = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
SMUGGLED = {
    "both": HEAD.format("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n" + INNER,
    "both, other order": HEAD.format("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n")
    + "0\r\n\r\n"
    + INNER,
    "two lengths": HEAD.format(f"Content-Length: 0\r\nContent-Length: {len(INNER)}\r\n") + INNER,
    "list of lengths": HEAD.format(f"Content-Length: 0, {len(INNER)}\r\n") + INNER,
    "signed length": HEAD.format("Content-Length: +0\r\n") + INNER,
    "length in hex": HEAD.format("Content-Length: 0x0\r\n") + INNER,
    "negative length": HEAD.format("Content-Length: -1\r\n") + INNER,
    "space before the colon": HEAD.format("Transfer-Encoding : chunked\r\n") + "0\r\n\r\n" + INNER,
    "folded": HEAD.format("Transfer-Encoding:\r\n chunked\r\n") + "0\r\n\r\n" + INNER,
    "unknown coding": HEAD.format("Transfer-Encoding: xchunked\r\n") + "0\r\n\r\n" + INNER,
    "chunked twice": HEAD.format("Transfer-Encoding: chunked, chunked\r\n") + "0\r\n\r\n" + INNER,
    "bad chunk": HEAD.format("Transfer-Encoding: chunked\r\n") + "zz\r\nx\r\n0\r\n\r\n" + INNER,
    "negative chunk": HEAD.format("Transfer-Encoding: chunked\r\n") + "-1\r\nx\r\n0\r\n\r\n" + INNER,
    "huge chunk": HEAD.format("Transfer-Encoding: chunked\r\n")
    + "ffffffffffffffffff\r\nx\r\n0\r\n\r\n"
    + INNER,
    "lone line feeds": HEAD.format("Transfer-Encoding: chunked\r\n").replace("\r\n", "\n") + "0\n\n" + INNER,
    "NUL": HEAD.format("X: a\0b\r\nContent-Length: 0\r\n") + INNER,
    "no host": "GET /healthz HTTP/1.1\r\n\r\n" + INNER,
    "line in the path": "GET /healthz\r\nX: y HTTP/1.1\r\nHost: x\r\n\r\n" + INNER,
    "old version": "GET /healthz HTTP/0.9\r\n\r\n" + INNER,
}


@pytest.mark.parametrize("name", SMUGGLED)
def test_a75_what_can_be_read_in_two_ways_is_not_answered_twice(siege, name):
    answer = exchange(siege, SMUGGLED[name].encode("latin-1"))

    # The request inside would be answered with 200; only where it stands behind a whole one may it be.
    assert answer.count(b"HTTP/1.1 200") == 0 or name in {"no host", "old version"}, answer[:400]
    assert b"HTTP/1.1 5" not in answer and answer.count(b"HTTP/1.1 ") <= 2


def test_a76_slow_clients_hold_up_nobody(siege):
    parts = urlsplit(siege.stack.about["url"])
    slow, waiters = [], []
    answers = []
    try:
        for number in range(300):
            connection = socket.create_connection((parts.hostname, parts.port), timeout=20)
            connection.sendall(
                (
                    b"GET /v2/jobs HTTP/1.1\r\nHost: x\r\nX-Slow: ",
                    HEAD.format("Content-Length: 90\r\n").encode(),
                )[number % 2]
            )
            slow.append(connection)
        job = siege.stack.api.post("/v2/jobs", json={"tasks": {"up": {"operation": "import/upload"}}}).json()[
            "data"
        ]
        with httpx.Client(
            base_url=siege.stack.about["sync_url"],
            headers=siege.stack.api.headers,
            timeout=60,
            limits=httpx.Limits(max_connections=60),
        ) as sync:
            waiters += [
                threading.Thread(target=lambda: answers.append(sync.get(f"/v2/jobs/{job['id']}").status_code))
                for _ in range(50)
            ]
            for waiter in waiters:
                waiter.start()
            served = [siege.stack.other.get("/v2/jobs", timeout=10).status_code for _ in range(20)]
            end = siege.run({"made": IMPORT, "out": OUT})
            form = job["tasks"][0]["result"]["form"]
            send(form["url"], form["parameters"])
            for waiter in waiters:
                waiter.join(60)
    finally:
        for connection in slow:
            connection.close()

    assert served == [200] * 20
    assert end.files == {"a.txt": b"x"}
    assert answers == [200] * 50


def test_a76_a_refused_import_leaves_the_next_one_alone(siege):
    # A slot that a hostile task held is free again for everybody.
    ends = siege.ends(
        {f"{n}": {"made": import_of(hostile.small_png(), "a.png"), "out": OUT} for n in range(30)}
    )

    assert all(len(end.files) == 1 for end in ends.values())
    assert json.loads(siege.stack.api.get("/readyz").text)["workers"] > 0
