"""`curator jobs cancel`, `retry` and `purge`: by id, and in bulk."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.unit.cli.web_stub import JOB, OTHER, WebStub, problem, respond, run

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
    ("command", "call"),
    [
        (("cancel", "--all"), "POST /jobs/cancel"),
        (("purge",), "POST /jobs/purge"),
    ],
)
def test_an_interactive_user_must_confirm(command: tuple[str, ...], call: str) -> None:
    web = WebStub({call: page([])})

    refused = run("jobs", *command, web=web, stdin="n\n", interactive=True)
    assert refused.exit_code == 130
    assert "nothing was changed" in refused.stderr
    assert refused.stdout == ""
    assert web.requests == []

    assert run("jobs", *command, web=web, stdin="y\n", interactive=True).exit_code == 0
    assert run("jobs", *command, "--yes", web=web, interactive=True).exit_code == 0
    assert len(web.requests) == 2


@pytest.mark.parametrize(
    ("command", "advice"),
    [
        (("cancel",), "Give either job ids or --all."),
        (("cancel", JOB, "--all"), "Give either job ids or --all."),
        (("retry",), "Give either job ids or --all."),
        (("retry", JOB, "--state", "FAILURE"), "--state and --type can be used with --all only."),
        (("cancel", "--all", "--state", "SUCCESS"), "'SUCCESS' is not one of"),
        (("retry", "--all", "--state", "PENDING"), "'PENDING' is not one of"),
        (("purge", "--state", "PROGRESS"), "'PROGRESS' is not one of"),
        (("purge", "--older-than", "soon"), "'soon' is not a duration"),
        (("purge", "--older-than", "-5"), "is not a duration"),
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
    [("90", 90), ("90s", 90), ("15m", 900), ("12h", 43_200), ("7d", 604_800), ("0", 0)],
)
def test_purge_converts_the_minimum_age_to_seconds(given: str, seconds: int) -> None:
    web = WebStub({"POST /jobs/purge": page([])})
    run("jobs", "purge", "--older-than", given, "--state", "FAILURE", web=web)
    assert web.body() == {"state": ["FAILURE"], "older_than_seconds": seconds, "limit": 100}
