"""`curator schedules`: the requests that it sends, its output and exit codes."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.unit.cli.web_stub import HOSTILE, JOB, TAMED, WebStub, problem, respond, run

SCHEDULE = "01900000-0000-7000-8000-00000000000a"
OTHER = "01900000-0000-7000-8000-00000000000b"
PATH = f"/schedules/{SCHEDULE}"
CRON = "30 7 * * 1-5"


def schedule(**changes: Any) -> dict[str, Any]:
    return {
        "schedule_id": SCHEDULE,
        "name": "Morning",
        "cron": CRON,
        "time_zone": "Europe/Berlin",
        "missed": "run_once",
        "type": "topic_curation",
        "about": "tides",
        "urls_count": None,
        "paused": False,
        "created_at": "2027-01-02T03:04:05Z",
        "next_run_at": "2027-01-04T06:30:00Z",
        "last_run_at": None,
        "last_job_id": JOB,
        "last_error": None,
        **changes,
    }


@pytest.mark.parametrize(
    ("command", "request_body"),
    [
        (("--topic", "tides"), {"job": {"type": "topic_curation", "topic": "tides"}}),
        (
            ("http://a", "http://b", "--zone", "Europe/Berlin", "--missed", "SKIP"),
            {
                "time_zone": "Europe/Berlin",
                "missed": "skip",
                "job": {"type": "batch_analysis", "urls": ["http://a", "http://b"]},
            },
        ),
        (
            ("--type", "health_check", "--priority", "low", "--name", "Is it well?"),
            {"name": "Is it well?", "job": {"type": "health_check", "priority": "low"}},
        ),
    ],
)
def test_add_sends_only_the_given_options(
    command: tuple[str, ...], request_body: dict[str, Any]
) -> None:
    web = WebStub({"POST /schedules": respond(schedule(), 201)})

    completed = run("schedules", "add", CRON, *command, web=web)

    assert completed.exit_code == 0
    assert web.body() == {"cron": CRON, **request_body}
    assert SCHEDULE in completed.stdout


def test_urls_are_read_from_a_file() -> None:
    web = WebStub({"POST /schedules": respond(schedule(), 201)})

    run("schedules", "add", CRON, "--file", "-", web=web, stdin="http://a\n# not this\nhttp://b\n")

    assert web.body()["job"] == {"type": "batch_analysis", "urls": ["http://a", "http://b"]}


@pytest.mark.parametrize(
    ("command", "advice"),
    [
        ((), "Missing argument 'CRON'"),
        ((CRON,), "Give --topic, a URL, --file, or --type health_check."),
        ((CRON, "--topic", "tides", "http://a"), "a URL does not go with topic_curation."),
        ((CRON, "--topic", "tides", "--missed", "twice"), "'twice' is not one of"),
        ((CRON, "--topic", "tides", "--watch"), "No such option"),
    ],
)
def test_conflicting_options_send_no_request(command: tuple[str, ...], advice: str) -> None:
    web = WebStub({})

    completed = run("schedules", "add", *command, web=web)

    assert completed.exit_code == 2
    assert advice in completed.stderr
    assert web.requests == []


def test_a_refusal_is_invalid_usage() -> None:
    refusal = problem(422, "The request cannot be carried out", "cron must have 5 fields.")
    web = WebStub({"POST /schedules": refusal})

    completed = run("schedules", "add", "@daily", "--topic", "tides", web=web)

    assert completed.exit_code == 2
    assert "cron must have 5 fields." in completed.stderr


def test_list_follows_every_page() -> None:
    pages = [
        respond({"schedules": [schedule()] * 100, "next_cursor": SCHEDULE}),
        respond({"schedules": [schedule()] * 7, "next_cursor": None}),
    ]
    web = WebStub({"GET /schedules": list[httpx.Response | Exception](pages)})

    completed = run("schedules", "list", "--json", web=web)

    assert json.loads(completed.stdout) == {"schedules": [schedule()] * 107, "next_cursor": None}
    assert [dict(request.url.params) for request in web.requests] == [
        {"limit": "100"},
        {"limit": "100", "cursor": SCHEDULE},
    ]


def test_list_is_a_line_for_each() -> None:
    refused = schedule(last_error={"reason": "invalid_request", "detail": "urls has 3 URLs."})
    listing = {"schedules": [schedule(), refused], "next_cursor": None}

    completed = run("schedules", "list", web=WebStub({"GET /schedules": respond(listing)}))

    heading, first, second = (line.split("\t") for line in completed.stdout.splitlines())
    assert heading == [
        *("schedule", "cron", "zone", "type", "next run", "name", "about", "last error"),
    ]
    assert first[:4] == [SCHEDULE, CRON, "Europe/Berlin", "topic_curation"]
    assert first[5:] == ["Morning", "tides", "-"]
    assert second[-1] == "urls has 3 URLs."


@pytest.mark.parametrize(
    ("changes", "cells"),
    [
        ({"paused": True, "next_run_at": None}, ["paused", "Morning", "tides", "-"]),
        ({"about": "http://a", "urls_count": 1}, ["Morning", "http://a (1 URL)", "-"]),
        ({"about": "http://a", "urls_count": 70}, ["Morning", "http://a (70 URLs)", "-"]),
        ({"about": None, "urls_count": 0}, ["Morning", "-", "-"]),
    ],
    ids=str,
)
def test_list_says_what_is_submitted_and_what_is_paused(
    changes: dict[str, Any], cells: list[str]
) -> None:
    listing = {"schedules": [schedule(**changes)], "next_cursor": None}
    completed = run("schedules", "list", web=WebStub({"GET /schedules": respond(listing)}))
    assert completed.stdout.splitlines()[1].split("\t")[-len(cells) :] == cells


JOB_SO_FAR = {
    "type": "topic_curation",
    "topic": "tides",
    "max_articles": 5,
    "deadline_seconds": None,
}


@pytest.mark.parametrize(
    ("options", "changes"),
    [
        (("--cron", "0 6 * * *", "--zone", "UTC"), {"cron": "0 6 * * *", "time_zone": "UTC"}),
        (("--name", ""), {"name": None}),
        (("--missed", "skip", "--name", "Early"), {"missed": "skip", "name": "Early"}),
        (("--topic", "reefs"), {"job": {"type": "topic_curation", "topic": "reefs"}}),
        (("http://a",), {"job": {"type": "single_analysis", "url": "http://a"}}),
        (
            ("--deadline", "10m", "--priority", "low"),
            {
                "job": {
                    "type": "topic_curation",
                    "topic": "tides",
                    "max_articles": 5,
                    "deadline_seconds": 600.0,
                    "priority": "low",
                }
            },
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_edit_sends_what_changes(options: tuple[str, ...], changes: dict[str, Any]) -> None:
    document = schedule(job=JOB_SO_FAR)
    web = WebStub({f"GET {PATH}": respond(document), f"PATCH {PATH}": respond(document)})

    completed = run("schedules", "edit", SCHEDULE, *options, web=web)

    assert completed.exit_code == 0, completed.stderr
    assert web.body() == changes
    assert f"schedule\t{SCHEDULE}" in completed.stdout


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        ((), "Give what to change."),
        (("--query", "x"), "--query does not go with topic_curation."),
        (("--topic", "x", "http://a"), "a URL does not go with topic_curation."),
    ],
)
def test_an_edit_that_makes_no_sense_changes_nothing(options: tuple[str, ...], advice: str) -> None:
    web = WebStub({f"GET {PATH}": respond(schedule(job=JOB_SO_FAR))})
    completed = run("schedules", "edit", SCHEDULE, *options, web=web)
    assert completed.exit_code == 2
    assert advice in completed.stderr


@pytest.mark.parametrize(
    ("command", "reply", "line"),
    [
        ("pause", schedule(paused=True), f"{SCHEDULE}  paused"),
        ("resume", schedule(), f"{SCHEDULE}  resumed"),
        (
            "run",
            {
                "job_id": JOB,
                "status": "submitted",
                "type": "health_check",
                "topic": None,
                "urls_count": 0,
            },
            f"{JOB}  submitted",
        ),
    ],
)
def test_pause_resume_and_run(command: str, reply: dict[str, Any], line: str) -> None:
    web = WebStub(
        {
            f"POST {PATH}/{command}": respond(reply),
            f"POST /schedules/{OTHER}/{command}": problem(404, "Unknown schedule"),
        }
    )

    completed = run("schedules", command, OTHER, SCHEDULE, web=web)

    assert completed.exit_code == 2
    assert completed.stdout == f"{line}\n"
    assert f"{OTHER}: Unknown schedule" in completed.stderr
    assert json.loads(run("schedules", command, SCHEDULE, "--json", web=web).stdout) == reply


def test_show_prints_the_outcome_of_the_last_run() -> None:
    web = WebStub({f"GET {PATH}": respond(schedule())})

    rows = dict(
        line.split("\t") for line in run("schedules", "show", SCHEDULE, web=web).stdout.splitlines()
    )

    assert rows["schedule"] == SCHEDULE
    assert (rows["last job"], rows["last error"], rows["missed"]) == (JOB, "-", "run_once")


def test_show_json_is_the_servers_document() -> None:
    document = schedule(job={"type": "health_check"}, later="added by a newer server")
    web = WebStub({f"GET {PATH}": respond(document)})

    completed = run("schedules", "show", SCHEDULE, "--json", web=web)

    assert json.loads(completed.stdout) == document


def test_a_name_cannot_control_the_terminal() -> None:
    listing = {"schedules": [schedule(name=HOSTILE)], "next_cursor": None}

    completed = run("schedules", "list", web=WebStub({"GET /schedules": respond(listing)}))

    assert TAMED in completed.stdout
    assert "\x1b" not in completed.stdout


def test_remove_continues_after_an_unknown_schedule() -> None:
    web = WebStub(
        {
            f"DELETE {PATH}": problem(404, "Unknown schedule"),
            f"DELETE /schedules/{OTHER}": httpx.Response(204),
        }
    )

    completed = run("schedules", "remove", SCHEDULE, OTHER, web=web)

    assert completed.exit_code == 2
    assert completed.stdout == f"{OTHER}  removed\n"
    assert f"{SCHEDULE}: Unknown schedule" in completed.stderr
    assert "1 of 2 schedules cannot be removed" in completed.stderr


def test_remove_json_is_one_document_for_each() -> None:
    web = WebStub({f"DELETE {PATH}": httpx.Response(204)})

    completed = run("schedules", "remove", SCHEDULE, "--json", web=web)

    assert completed.exit_code == 0
    assert json.loads(completed.stdout) == {"schedule_id": SCHEDULE, "status": "removed"}


@pytest.mark.parametrize("command", [("list",), ("show", SCHEDULE), ("remove", SCHEDULE)])
def test_an_unreachable_server_is_exit_code_3(command: tuple[str, ...]) -> None:
    away = httpx.ConnectError("refused")
    paths = ("GET /schedules", f"GET {PATH}", f"DELETE {PATH}")
    web = WebStub(dict.fromkeys(paths, away))

    completed = run("schedules", *command, web=web)

    assert completed.exit_code == 3
    assert "cannot be reached" in completed.stderr
