"""`curator jobs cancel`, `retry` and `purge`: by id, and in bulk."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.unit.cli.web_stub import JOB, OTHER, WebStub, job_status, problem, respond, run

CANCELLED = [
    {"job_id": JOB, "status": "cancelled", "replayed_from": None},
    {"job_id": OTHER, "status": "cancelling", "replayed_from": None},
]

CURSOR = "01900000-0000-7000-8000-0000000000c1"


def page(jobs: list[dict[str, Any]], cursor: str | None = None) -> httpx.Response:
    return respond({"jobs": jobs, "next_cursor": cursor})


def test_matching_jobs_are_cancelled_page_by_page() -> None:
    web = WebStub({"POST /jobs/cancel": [page(CANCELLED[:1], CURSOR), page(CANCELLED[1:])]})
    filters = ("--state", "pending", "--state", "WAITING", "--type", "health_check")

    completed = run("jobs", "cancel", "--all", *filters, web=web)

    assert completed.exit_code == 0
    assert completed.stdout == f"{JOB}  cancelled\n{OTHER}  cancelling\n"
    bodies = [json.loads(request.content) for request in web.requests]
    first = {"state": ["PENDING", "WAITING"], "type": ["health_check"], "limit": 100}
    assert bodies == [first, {**first, "cursor": CURSOR}]


def test_json_of_all_pages_is_one_document() -> None:
    web = WebStub({"POST /jobs/cancel": [page(CANCELLED[:1], CURSOR), page(CANCELLED[1:])]})
    completed = run("jobs", "cancel", "--all", "--json", web=web)
    assert json.loads(completed.stdout) == {"jobs": CANCELLED}


def test_no_matching_jobs_is_a_message() -> None:
    completed = run("jobs", "cancel", "--all", web=WebStub({"POST /jobs/cancel": page([])}))
    assert (completed.exit_code, completed.stdout) == (0, "")
    assert completed.stderr == "There are no such jobs.\n"


@pytest.mark.parametrize(
    ("command", "states", "question"),
    [
        (("cancel", "--all"), ["WAITING", "PENDING", "PROGRESS"], "Cancel 3 jobs?"),
        (
            ("purge", "--all", "--type", "health_check"),
            ["SUCCESS", "FAILURE", "REVOKED"],
            "Delete 3 jobs and their results?",
        ),
        (("purge", "--all", "--state", "FAILURE"), ["FAILURE"], "Delete 3 jobs and their results?"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_an_interactive_user_is_asked_with_the_number_of_jobs(
    command: tuple[str, ...], states: list[str], question: str
) -> None:
    listing = respond({"jobs": [job_status()] * 3, "next_cursor": None})
    call = f"POST /jobs/{command[0]}"
    web = WebStub({call: page([]), "GET /jobs": listing})

    refused = run("jobs", *command, web=web, stdin="n\n", interactive=True)
    assert refused.exit_code == 130
    assert question in refused.stderr
    assert "nothing was changed" in refused.stderr
    assert refused.stdout == ""
    assert web.calls() == ["GET /jobs"]
    query = web.requests[0].url.params
    assert query.get_list("state") == states
    assert query.get_list("type") == (["health_check"] if "health_check" in command else [])

    assert run("jobs", *command, web=web, stdin="y\n", interactive=True).exit_code == 0
    assert run("jobs", *command, "--yes", web=web, interactive=True).exit_code == 0
    assert web.calls()[1:] == ["GET /jobs", call, call]


def test_the_number_leaves_out_jobs_that_ended_too_recently() -> None:
    old = job_status("SUCCESS", finished_at="2025-01-02T03:04:05Z")
    recent = job_status("SUCCESS", finished_at="2999-01-02T03:04:05Z")
    web = WebStub({"GET /jobs": respond({"jobs": [old, recent], "next_cursor": None})})
    command = ("purge", "--all", "--older-than", "7d")

    refused = run("jobs", *command, web=web, stdin="n\n", interactive=True)

    assert "Delete 1 job and their results?" in refused.stderr


def test_jobs_are_purged_by_id() -> None:
    purged = {"job_id": JOB, "status": "purged", "replayed_from": None}
    web = WebStub(
        {
            f"POST /jobs/{JOB}/purge": respond(purged),
            f"POST /jobs/{OTHER}/purge": problem(409, "The job has not ended yet"),
        }
    )

    completed = run("jobs", "purge", JOB, OTHER, web=web)

    assert completed.exit_code == 2
    assert completed.stdout == f"{JOB}  purged\n"
    assert f"{OTHER}: The job has not ended yet" in completed.stderr
    assert "1 of 2 jobs cannot be purged" in completed.stderr


@pytest.mark.parametrize(
    ("command", "advice"),
    [
        (("cancel",), "Give either job ids or --all."),
        (("cancel", JOB, "--all"), "Give either job ids or --all."),
        (("retry",), "Give either job ids or --all."),
        (("retry", JOB, "--state", "FAILURE"), "--state and --type can be used with --all only."),
        (("cancel", "--all", "--state", "SUCCESS"), "'SUCCESS' is not one of"),
        (("retry", "--all", "--state", "PENDING"), "'PENDING' is not one of"),
        (("purge",), "Give either job ids or --all."),
        (("purge", "--older-than", "7d"), "Give either job ids or --all."),
        (("purge", "--state", "FAILURE"), "Give either job ids or --all."),
        (("purge", JOB, "--older-than", "7d"), "--older-than can be used with --all only."),
        (("purge", "--all", "--state", "PROGRESS"), "'PROGRESS' is not one of"),
        (("purge", "--all", "--older-than", "soon"), "'soon' is not a duration"),
        (("purge", "--all", "--older-than", "-5"), "is not a duration"),
        (("rerun",), "Missing argument 'JOB_ID...'"),
    ],
)
def test_invalid_options_send_no_request(command: tuple[str, ...], advice: str) -> None:
    web = WebStub({})
    completed = run("jobs", *command, web=web)
    assert completed.exit_code == 2
    assert advice in completed.stderr
    assert web.requests == []


def test_retrying_jobs_by_id() -> None:
    submitted = {
        "job_id": OTHER,
        "status": "submitted",
        "type": "batch_analysis",
        "topic": None,
        "urls_count": 2,
        "replayed_from": JOB,
    }
    web = WebStub(
        {
            f"POST /jobs/{JOB}/retry": respond(submitted, 202),
            f"POST /jobs/{OTHER}/retry": problem(409, "The job has not ended yet"),
        }
    )

    completed = run("jobs", "retry", JOB, OTHER, web=web)
    assert completed.exit_code == 2
    assert completed.stdout == f"{OTHER}  submitted  retries {JOB}\n"
    assert f"{OTHER}: The job has not ended yet" in completed.stderr
    assert "1 of 2 jobs cannot be retried" in completed.stderr
    assert json.loads(run("jobs", "retry", JOB, "--json", web=web).stdout) == submitted


@pytest.mark.parametrize(
    ("given", "seconds"),
    [("90", 90), ("90s", 90), ("1.5m", 90), ("15m", 900), ("12h", 43_200), ("7d", 604_800)],
)
def test_purge_converts_the_minimum_age_to_seconds(given: str, seconds: int) -> None:
    web = WebStub({"POST /jobs/purge": page([])})
    run("jobs", "purge", "--all", "--older-than", given, "--state", "FAILURE", web=web)
    assert web.body() == {"state": ["FAILURE"], "older_than_seconds": seconds, "limit": 100}


def test_jobs_are_run_again() -> None:
    new = {
        "job_id": OTHER,
        "status": "submitted",
        "type": "topic_curation",
        "topic": "tides",
        "urls_count": None,
        "replayed_from": JOB,
    }
    web = WebStub({f"POST /jobs/{JOB}/rerun": respond(new, 202)})

    assert run("jobs", "rerun", JOB, web=web).stdout == f"{OTHER}  submitted  retries {JOB}\n"
    assert json.loads(run("jobs", "rerun", JOB, "--json", web=web).stdout) == new
