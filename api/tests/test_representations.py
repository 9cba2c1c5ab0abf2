from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from api.tests.conftest import work
from jobs import files, services
from jobs.contract.errors import OpenFailed
from jobs.models import Job, Task
from jobs.states import Status

IMPORT = {"operation": "import/url", "url": "https://a.example/report.docx"}
THREE = {
    "in": IMPORT,
    "shot": {"operation": "convert", "input": "in", "output_format": "png"},
    "out": {"operation": "export/url", "input": ["shot"], "inline": True},
}
MOMENT = datetime(2026, 11, 22, 4, 36, 8, 999, tzinfo=UTC)
WRITTEN = "2026-11-22T04:36:08+00:00"


def text_of(answer):
    return answer.content.decode()


def test_a_new_job_to_the_letter(me):
    answer = me.post("/v2/jobs", {"tasks": {"in": IMPORT, "out": THREE["out"] | {"input": "in"}}, "tag": "a"})

    data = answer.json()["data"]
    job, first, second = data["id"], *(task["id"] for task in data["tasks"])
    created, *others = [data["created_at"], *(task["created_at"] for task in data["tasks"])]
    assert {datetime.fromisoformat(each).tzinfo for each in (created, *others)} == {UTC}

    def task(pk, name, operation, needs, made):
        return (
            f'{{"id":"{pk}","name":"{name}","job_id":"{job}","status":"waiting","credits":null,"code":null,'
            f'"message":null,"percent":100,"operation":"{operation}","result":null,"created_at":"{made}",'
            '"started_at":null,"ended_at":null,"retry_of_task_id":null,"copy_of_task_id":null,'
            f'"user_id":{me.account.pk},"priority":50,"host_name":null,"storage":"local","region":"local",'
            f'"depends_on_task_ids":{json.dumps(needs)},'
            f'"links":{{"self":"http://127.0.0.1:8000/v2/tasks/{pk}"}}}}'
        )

    assert text_of(answer) == (
        f'{{"data":{{"id":"{job}","tag":"a","status":"waiting","created_at":"{created}","started_at":null,'
        f'"ended_at":null,"tasks":[{task(first, "in", "import/url", [], others[0])},'
        f"{task(second, 'out', 'export/url', [first], others[1])}],"
        f'"links":{{"self":"http://127.0.0.1:8000/v2/jobs/{job}"}}}}}}'
    )
    assert answer["Content-Type"] == "application/json"


def test_a_finished_conversion_to_the_letter(me):
    job = me.job(THREE)
    work("storage", "report.docx")
    work("office", "report.pdf")
    task = work("pages", "report-1.png", "report-2.png", message="Two pages.")
    Task.objects.filter(pk=task.pk).update(created_at=MOMENT, started_at=MOMENT, ended_at=MOMENT)

    shown = text_of(me.get(f"/v2/tasks/{task.pk}"))

    assert shown == (
        f'{{"data":{{"id":"{task.pk}","name":"shot","job_id":"{job["id"]}","status":"finished","credits":0,'
        '"code":null,"message":"Two pages.","percent":100,"operation":"convert","engine":"pages",'
        '"engine_version":"22.12","result":{"files":[{"filename":"report-1.png","size":100},'
        f'{{"filename":"report-2.png","size":101}}]}},"created_at":"{WRITTEN}","started_at":"{WRITTEN}",'
        f'"ended_at":"{WRITTEN}","retry_of_task_id":null,"copy_of_task_id":null,"user_id":{me.account.pk},'
        '"priority":50,"host_name":"dulce","storage":"local","region":"local",'
        f'"depends_on_task_ids":["{job["tasks"][0]["id"]}"],'
        f'"links":{{"self":"http://127.0.0.1:8000/v2/tasks/{task.pk}"}}}}}}'
    )


def test_between_two_hops_a_task_is_processing_and_shows_no_files(me):
    job = me.job(THREE)
    work("storage", "report.docx")
    task = work("office", "report.pdf")
    assert Task.objects.get(pk=task.pk).status == Status.QUEUED

    shown = me.get(f"/v2/tasks/{task.pk}").json()["data"]
    found = {
        status: [row["id"] for row in me.get(f"/v2/tasks?filter[status]={status}").json()["data"]]
        for status in ("waiting", "processing", "queued")
    }

    assert (shown["status"], shown["result"]) == ("processing", None)
    assert found == {"waiting": [job["tasks"][2]["id"]], "processing": [f"{task.pk}"], "queued": []}


def test_only_an_export_to_links_shows_urls(me):
    job = me.job(THREE)
    work("storage", "report.docx")
    work("office", "report.pdf")
    work("pages", "report-1.png")
    work("storage", "report-1.png")

    tasks = me.get(f"/v2/jobs/{job['id']}").json()["data"]["tasks"]

    assert [task["name"] for task in tasks] == ["in", "shot", "out"]
    assert tasks[0]["result"] == {"files": [{"filename": "report.docx", "size": 100}]}
    [file] = tasks[2]["result"]["files"]
    assert {key: file[key] for key in ("filename", "size")} == {"filename": "report-1.png", "size": 100}
    assert "disposition=inline" in file["url"]
    again = me.get(f"/v2/jobs/{job['id']}").json()["data"]["tasks"]
    assert again == tasks


@pytest.mark.parametrize(
    ("inline", "word"), [(False, "attachment"), ("true", "inline"), (None, "attachment")]
)
def test_how_the_links_open(me, inline, word):
    job = me.job({"in": IMPORT, "out": {"operation": "export/url", "input": "in", "inline": inline}})
    work("storage", "a.docx")
    work("storage", "a.docx")

    [_, out] = me.get(f"/v2/jobs/{job['id']}").json()["data"]["tasks"]

    assert f"disposition={word}" in out["result"]["files"][0]["url"]


def test_an_upload_shows_its_form_of_strings_until_the_file_is_there(me):
    answer = me("POST", "/v2/import/upload")

    assert answer.status_code == 201
    task = answer.json()["data"]
    form = task["result"]["form"]
    assert list(task["result"]) == ["form"]
    assert form["url"].startswith("http")
    assert all(isinstance(value, str) for value in form["parameters"].values())
    assert form["parameters"]["key"].startswith(task["id"])
    assert (task["message"], task["started_at"]) == ("Waiting for file upload", None)
    stored = files.Stored(files.new_key(task["id"]), 5, "0" * 64)
    services.receive_upload(Task.objects.get().pk, services.Staged(stored, "a.txt"))
    assert me.get(f"/v2/tasks/{task['id']}").json()["data"]["result"] == {
        "files": [{"filename": "a.txt", "size": 5}]
    }


def test_a_failure_shows_code_and_message(me):
    job = me.job(THREE)
    work("storage", error=OpenFailed())

    data = me.get(f"/v2/jobs/{job['id']}").json()["data"]

    assert (data["status"], bool(data["ended_at"])) == ("error", True)
    assert [(task["status"], task["code"], task["result"]) for task in data["tasks"]] == [
        ("error", "OPEN_FAILED", None),
        ("error", "INPUT_TASK_FAILED", None),
        ("error", "INPUT_TASK_FAILED", None),
    ]
    assert data["tasks"][1]["message"] == "Input task has failed"


def test_a_task_on_its_own_has_no_name_even_when_the_client_sends_one(me):
    task = me.post("/v2/import/url", {**IMPORT, "name": "mine"}).json()["data"]

    assert "name" not in task
    assert task["job_id"] is None
    assert not {"payload", "retries", "engine", "engine_version", "depends_on_tasks", "job"} & set(task)


def test_a_conversion_has_its_engine_keys_from_the_start(me):
    data = me.job(THREE)

    assert [("engine" in task, "engine_version" in task) for task in data["tasks"]] == [
        (False, False),
        (True, True),
        (False, False),
    ]


def test_azure_imports_and_exports_have_the_names_that_java_knows(me):
    job = me.job(
        {
            "a": {"operation": "import/azure/blob", "container": "c"},
            "b": {"operation": "import/azure-blob", "container": "c"},
            "c": {"operation": "export/azure/blob", "container": "c", "input": "a"},
        }
    )

    names = [task["operation"] for task in job["tasks"]]

    assert names == ["import/azure-blob", "import/azure-blob", "export/azure/blob"]
    for wanted in ("import/azure-blob", "import/azure/blob"):
        assert len(me.get(f"/v2/tasks?filter[operation]={wanted}").json()["data"]) == 2


def test_results_hold_plain_values_only(me):
    job = me.job({"in": IMPORT})
    work("storage", extra={"metadata": {"Title": "A", "Pages": 2, "Size": [1, 2]}, "output": "said"})

    [task] = me.get(f"/v2/jobs/{job['id']}").json()["data"]["tasks"]

    assert task["result"] == {"metadata": {"Title": "A", "Pages": 2, "Size": "[1, 2]"}, "output": "said"}


def test_a_folder_is_shown_only_where_there_is_one(me):
    job = me.job({"in": IMPORT})
    task = services.claim("storage", worker="w", host_name="h", tools={})
    keys = [files.new_key(task.pk) for _ in range(2)]
    stored = [files.Stored(key, 1, "0" * 64) for key in keys]
    services.finish(task, [services.Staged(stored[0], "a"), services.Staged(stored[1], "b", dir="sub")])

    [shown] = me.get(f"/v2/jobs/{job['id']}").json()["data"]["tasks"]

    assert shown["result"]["files"] == [
        {"filename": "a", "size": 1},
        {"filename": "b", "size": 1, "dir": "sub"},
    ]


def test_the_account_to_the_letter(me):
    me.account.date_joined = MOMENT
    me.account.save()

    assert text_of(me.get("/v2/users/me")) == (
        f'{{"data":{{"id":{me.account.pk},"username":"me","email":"me@example.test","created_at":"{WRITTEN}",'
        '"credits":1000000,"paying":false,"task_priority":null,"tasks_per_minute":null,'
        f'"links":{{"self":"http://127.0.0.1:8000/v2/users/{me.account.pk}"}}}}}}'
    )


def test_a_list_to_the_letter(me):
    Job.objects.create(owner=me.account, pk="00000000-0000-4000-8000-000000000001")
    Job.objects.update(created_at=MOMENT)

    assert text_of(me.get("/v2/jobs")) == (
        '{"data":[{"id":"00000000-0000-4000-8000-000000000001","tag":null,"status":"waiting",'
        f'"created_at":"{WRITTEN}","started_at":null,"ended_at":null,'
        '"links":{"self":"http://127.0.0.1:8000/v2/jobs/00000000-0000-4000-8000-000000000001"}}],'
        '"links":{"first":"http://127.0.0.1:8000/v2/jobs?page=1","last":null,"prev":null,"next":null},'
        '"meta":{"current_page":1,"from":1,"path":"http://127.0.0.1:8000/v2/jobs","per_page":100,"to":1}}'
    )
