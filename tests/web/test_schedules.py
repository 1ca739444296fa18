"""Schedules over HTTP."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import httpx
import pytest
import redis

from app.api.schedules import CHANGE_EXAMPLES, EXAMPLES
from tasks.jobs.ids import is_job_id
from tasks.settings import Settings
from tests.web.problem import problem

JSON = {"Content-Type": "application/json"}
UNKNOWN = "01900000-0000-7000-8000-000000000001"
TEA = {"type": "topic_curation", "topic": "tea"}


def body(job: object = TEA, cron: object = "30 7 * * *", **fields: object) -> str:
    return json.dumps({"cron": cron, "job": job, **fields})


INVALID = {
    "null": ("null", "The body must be an object"),
    "no cron": ('{"job": {"type": "health_check"}}', "cron is missing."),
    "no job": ('{"cron": "* * * * *"}', "job is missing."),
    "a number for a cron": (body(cron=5), "cron must be a string, and is an integer."),
    "six fields": (body(cron="* * * * * *"), "cron must have 5 fields (minute, hour"),
    "a word for a cron": (body(cron="@reboot"), "this has 1"),
    "10,000 characters": (body(cron="*" * 10_000), "cron has 10000 characters; it may have 100"),
    "a day that is not": (body(cron="0 0 30 2 *"), "'30' for its day-of-month"),
    "a day that never comes": (body(cron="0 0 */30 2 MON#5"), "does not come within 50 years"),
    "markup": (body(cron="<b> * * * *"), "cron has '<b>' for its minute"),
    "a path for a zone": (body(time_zone="../../etc/passwd"), "time_zone must be a name of the"),
    "half a zone": (body(time_zone="Berlin"), "like Europe/Berlin or UTC"),
    "a NUL in the zone": (body(time_zone="UTC\x00"), "time_zone must be a name of the"),
    "null for a zone": (body(time_zone=None), "time_zone must be a string, and is null"),
    "an empty name": (body(name=" "), "name must be 1 to 100 printable characters"),
    "a long name": (body(name="x" * 101), "name must be 1 to 100 printable characters"),
    "two lines for a name": (body(name="a\nb"), "name must be 1 to 100 printable characters"),
    "unknown missed": (body(missed="twice"), "missed must be one of run_once, skip."),
    "a number for missed": (body(missed=1), "missed must be one of run_once, skip."),
    "unknown field": (body(every="day"), "`every` is not a field of a schedule; these are: cron"),
    "twice": ('{"cron": "* * * * *", ' + body()[1:], "`cron` appears twice"),
    "a list for a job": (body([]), "job: The body must be an object, and is an array"),
    "no type": (body({"topic": "tea"}), "job: type is missing; one of topic_curation"),
    "unknown type": (body({"type": "make_tea"}), "job: type must be one of topic_curation"),
    "no topic": (body({"type": "topic_curation"}), "job: topic is missing."),
    "unknown field of the job": (
        body({**TEA, "depth": 3}),
        "job: `depth` is not a field of topic_curation",
    ),
    "a field of the job twice": (
        '{"cron": "* * * * *", "job": {"type": "health_check", "type": "health_check"}}',
        "`type` appears twice",
    ),
    "the job twice": ('{"job": 1, ' + body()[1:], "job appears twice"),
    "unknown priority": (body({**TEA, "priority": "urgent"}), "job: priority must be one of"),
    "a topic of 1 character": (
        body({**TEA, "topic": "t"}),
        "topic must have 2 to 200 characters",
    ),
    "no URLs": (body({"type": "batch_analysis", "urls": []}), "urls must name at least one URL"),
    "a dependency": (body({**TEA, "depends_on": [UNKNOWN]}), "depends_on cannot be part of"),
    "a start time": (
        body({**TEA, "not_before": "2027-01-01T00:00:00Z"}),
        "not_before cannot be part of a schedule",
    ),
    "a negative deadline": (body({**TEA, "deadline_seconds": -1}), "deadline_seconds must be"),
    "too large": (
        body({"type": "batch_analysis", "urls": [f"https://a.example/{'x' * 999}"] * 70}),
        "it may have 65536. Give it fewer URLs.",
    ),
}

MALFORMED = {
    "nothing": (b"", "The body is empty"),
    "half": (b'{"cron": "* * *', "ends too early"),
    "half a job": (b'{"cron": "* * * * *", "job": {"type": "topic_cur', "ends too early"),
    "not UTF-8": (b'{"cron": "\xff"}', "encode it as UTF-8"),
    "a deep nest in the job": (b'{"job": {"x":' + b"[" * 100_000, "nested too deeply"),
}


async def add(client: httpx.AsyncClient, content: str = body()) -> dict[str, Any]:
    response = await client.post("/schedules", content=content, headers=JSON)
    assert response.status_code == 201, response.text
    added: dict[str, Any] = response.json()
    return added


async def test_a_schedule_is_added_and_read(client: httpx.AsyncClient) -> None:
    job = {**TEA, "max_articles": 7, "priority": "high", "deadline_seconds": 600.0}
    options = {"time_zone": "Europe/Berlin", "name": "Morning", "missed": "skip"}
    response = await client.post("/schedules", content=body(job, **options), headers=JSON)

    assert response.status_code == 201
    added = response.json()
    assert is_job_id(added["schedule_id"])
    assert response.headers["location"] == f"/schedules/{added['schedule_id']}"
    assert added == {
        "schedule_id": added["schedule_id"],
        "cron": "30 7 * * *",
        **options,
        "type": "topic_curation",
        "about": "tea",
        "urls_count": None,
        "paused": False,
        "created_at": added["created_at"],
        "next_run_at": added["next_run_at"],
        "last_run_at": None,
        "last_job_id": None,
        "last_error": None,
        "job": added["job"],
    }
    assert added["job"].items() >= {**job, "apply_diversity": True}.items()
    created, first = (dt.datetime.fromisoformat(added[k]) for k in ("created_at", "next_run_at"))
    assert created < first <= created + dt.timedelta(days=1)
    assert (await client.get(response.headers["location"])).json() == added


async def test_a_schedule_keeps_the_options_of_its_job(client: httpx.AsyncClient) -> None:
    own = {
        "domain_cap": 1,
        "weights": {"recency": 0.5},
        "published_after": "2026-03-01T00:00:00Z",
        "languages": ["en"],
        "sources": ["feeds"],
        "min_word_count": 40,
    }
    response = await client.post("/schedules", content=body({**TEA, **own}), headers=JSON)
    job = response.json()["job"]
    assert job["weights"]["recency"] == 0.5
    assert job.items() >= {name: own[name] for name in own if name != "weights"}.items()
    again = await client.post("/schedules", content=body(job), headers=JSON)
    assert again.json()["job"] == job


async def test_a_schedule_can_be_added_again_from_its_json(client: httpx.AsyncClient) -> None:
    added = await add(client)
    job = {name: value for name, value in added["job"].items() if value is not None}
    again = await add(client, body(job))
    assert again["job"] == added["job"]
    assert again["schedule_id"] != added["schedule_id"]


async def test_omitted_fields_have_their_defaults(client: httpx.AsyncClient) -> None:
    added = await add(client, body({"type": "health_check"}))
    assert (added["name"], added["time_zone"], added["missed"]) == (None, "UTC", "run_once")


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: str(example.summary))
async def test_the_documented_examples_are_accepted(
    client: httpx.AsyncClient, example: Any
) -> None:
    await add(client, json.dumps(example.value))


async def test_schedules_are_listed_by_the_page(client: httpx.AsyncClient) -> None:
    assert (await client.get("/schedules")).json() == {"schedules": [], "next_cursor": None}
    added = {
        schedule["schedule_id"]: schedule for schedule in [await add(client) for _ in range(3)]
    }
    listed: list[dict[str, Any]] = []
    cursor = ""
    for count in (2, 1):
        page = (await client.get(f"/schedules?limit=2{cursor}")).json()
        assert len(page["schedules"]) == count
        listed += page["schedules"]
        cursor = f"&cursor={page['next_cursor']}"
    assert page["next_cursor"] is None
    assert [schedule["schedule_id"] for schedule in listed] == sorted(added, reverse=True)
    for schedule in listed:
        report = added[schedule["schedule_id"]]
        assert schedule == {name: value for name, value in report.items() if name != "job"}


async def change(client: httpx.AsyncClient, path: str, **fields: object) -> httpx.Response:
    return await client.patch(path, content=json.dumps(fields), headers=JSON)


async def test_a_schedule_is_changed(client: httpx.AsyncClient) -> None:
    added = await add(client, body(name="Morning"))
    path = f"/schedules/{added['schedule_id']}"
    urls = {"type": "batch_analysis", "urls": ["https://a.example/1", "https://a.example/2"]}

    response = await change(client, path, cron="0 6 * * *", job=urls, name=None)

    changed = response.json()
    assert response.status_code == 200
    assert (changed["cron"], changed["name"], changed["type"]) == (
        *("0 6 * * *", None, "batch_analysis"),
    )
    assert (changed["about"], changed["urls_count"]) == ("https://a.example/1", 2)
    assert changed["next_run_at"].endswith("T06:00:00Z")
    assert (await client.get(path)).json() == changed
    kept = ("schedule_id", "time_zone", "missed", "created_at", "paused")
    assert {name: changed[name] for name in kept} == {name: added[name] for name in kept}
    assert (await change(client, path)).json() == changed


@pytest.mark.parametrize("example", CHANGE_EXAMPLES, ids=lambda example: str(example.summary))
async def test_the_documented_changes_are_accepted(client: httpx.AsyncClient, example: Any) -> None:
    path = f"/schedules/{(await add(client))['schedule_id']}"
    assert (await change(client, path, **example.value)).status_code == 200


@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        ({"cron": None}, "cron must be a string, and is null"),
        ({"cron": ""}, "cron must have 5 fields"),
        ({"missed": "twice"}, "missed must be one of run_once, skip."),
        ({"every": "day"}, "`every` is not a field of a schedule; these are: cron"),
        ({"paused": True}, "`paused` is not a field of a schedule"),
        ({"job": None}, "job: The body must be an object, and is null"),
        ({"job": {**TEA, "depth": 3}}, "job: `depth` is not a field of topic_curation"),
        ({"name": ""}, "name must be 1 to 100 printable characters"),
    ],
    ids=str,
)
async def test_a_bad_change_is_refused_and_changes_nothing(
    client: httpx.AsyncClient, fields: dict[str, object], detail: str
) -> None:
    added = await add(client)
    path = f"/schedules/{added['schedule_id']}"
    response = await change(client, path, **fields)
    assert detail in problem(response, 422, "invalid-request")["detail"]
    assert (await client.get(path)).json() == added


async def test_a_schedule_is_paused_and_resumed(client: httpx.AsyncClient) -> None:
    added = await add(client)
    path = f"/schedules/{added['schedule_id']}"
    for _ in range(2):
        paused = (await client.post(f"{path}/pause")).json()
        assert paused == {**added, "paused": True, "next_run_at": None}
    assert (await client.get(path)).json() == paused
    assert (await client.get("/schedules")).json()["schedules"][0]["paused"] is True
    resumed = (await client.post(f"{path}/resume")).json()
    assert resumed == added


async def test_a_schedule_runs_now_also_while_it_is_paused(client: httpx.AsyncClient) -> None:
    added = await add(client, body({**TEA, "priority": "low"}))
    path = f"/schedules/{added['schedule_id']}"
    paused = (await client.post(f"{path}/pause")).json()

    response = await client.post(f"{path}/run")

    job = response.json()
    assert (response.status_code, job["type"], job["topic"]) == (202, "topic_curation", "tea")
    assert response.headers["location"] == f"/jobs/{job['job_id']}"
    assert [each["job_id"] for each in (await client.get("/jobs")).json()["jobs"]] == [
        job["job_id"]
    ]
    assert (await client.get(path)).json() == paused
    keyed = {"Idempotency-Key": "once"}
    first, second = [
        (await client.post(f"{path}/run", headers=keyed)).json()["job_id"] for _ in range(2)
    ]
    assert first == second != job["job_id"]


async def test_a_schedule_is_removed(client: httpx.AsyncClient, valkey: redis.Redis) -> None:
    path = f"/schedules/{(await add(client))['schedule_id']}"
    response = await client.delete(path)
    assert (response.status_code, response.content) == (204, b"")
    for again in (await client.get(path), await client.delete(path)):
        detail = problem(again, 404, "unknown-schedule")["detail"]
        assert "list the schedules with GET /schedules" in detail
    assert list(valkey.scan_iter()) == []


@pytest.mark.parametrize(
    "call", ["GET ", "DELETE ", "PATCH ", "POST /pause", "POST /resume", "POST /run"]
)
@pytest.mark.parametrize("schedule_id", [UNKNOWN, "1", f"{UNKNOWN}:x", "%00", "*", "a" * 500])
async def test_an_unknown_schedule(client: httpx.AsyncClient, schedule_id: str, call: str) -> None:
    method, below = call.split(" ")
    content = b"{}" if method == "PATCH" else None
    path = f"/schedules/{schedule_id}{below}"
    response = await client.request(method, path, content=content, headers=JSON)
    assert response.status_code == 404
    assert response.json()["type"] == "/problems/unknown-schedule"


@pytest.mark.parametrize(("content", "detail"), INVALID.values(), ids=INVALID)
async def test_bad_input_is_refused_with_what_to_change_and_nothing_is_written(
    client: httpx.AsyncClient, valkey: redis.Redis, content: str, detail: str
) -> None:
    response = await client.post("/schedules", content=content, headers=JSON)
    document = problem(response, 422, "invalid-request")
    assert detail in document["detail"]
    assert len(document["detail"]) < 400
    assert list(valkey.scan_iter()) == []


@pytest.mark.parametrize(("content", "detail"), MALFORMED.values(), ids=MALFORMED)
async def test_malformed_json_is_refused(
    client: httpx.AsyncClient, valkey: redis.Redis, content: bytes, detail: str
) -> None:
    response = await client.post("/schedules", content=content, headers=JSON)
    assert detail in problem(response, 400, "malformed-request")["detail"]
    assert list(valkey.scan_iter()) == []


async def test_another_media_type_is_refused(client: httpx.AsyncClient) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        response = await client.post("/schedules", content=body(), headers={"Content-Type": kind})
        problem(response, 415, "unsupported-media-type")


@pytest.mark.parametrize("query", ["?limit=0", "?limit=201", "?limit=x", "?cursor=1"])
async def test_a_listing_out_of_bounds(client: httpx.AsyncClient, query: str) -> None:
    problem(await client.get(f"/schedules{query}"), 422, "invalid-request")


async def test_the_limits_of_jobs_hold_for_scheduled_jobs(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    job = {**TEA, "max_articles": settings.max_articles_per_topic + 1}
    response = await client.post("/schedules", content=body(job), headers=JSON)
    assert (
        "max_articles must be from 1 to 100" in problem(response, 422, "invalid-request")["detail"]
    )


async def test_while_redis_is_away_schedules_are_unavailable(cut_off: httpx.AsyncClient) -> None:
    for method, path in (("GET", ""), ("GET", f"/{UNKNOWN}"), ("DELETE", f"/{UNKNOWN}")):
        response = await cut_off.request(method, f"/schedules{path}")
        problem(response, 503, "unavailable")
        assert response.headers["retry-after"]
    response = await cut_off.post("/schedules", content=body(), headers=JSON)
    problem(response, 503, "unavailable")
    bad = await cut_off.post("/schedules", content=body(cron="@daily"), headers=JSON)
    problem(bad, 422, "invalid-request")
