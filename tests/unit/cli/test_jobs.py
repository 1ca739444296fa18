"""`curator jobs list` and `attempts`, and where requests go."""

from __future__ import annotations

import json

import httpx

from tests.unit.cli.web_stub import JOB, OTHER, WebStub, job_status, respond, run

CURSOR = "01900000-0000-7000-8000-0000000000c1"


def page(count: int, cursor: str | None) -> httpx.Response:
    return respond({"jobs": [job_status()] * count, "next_cursor": cursor})


def test_list_follows_pages_up_to_its_limit() -> None:
    web = WebStub({"GET /jobs": [page(100, CURSOR), page(50, OTHER)]})

    completed = run("jobs", "list", "--limit", "150", web=web)

    assert [dict(request.url.params) for request in web.requests] == [
        {"limit": "100"},
        {"limit": "50", "cursor": CURSOR},
    ]
    assert len(completed.stdout.splitlines()) == 1 + 150
    assert "There are more" in completed.stderr


def test_list_all_ends_with_the_last_page() -> None:
    web = WebStub({"GET /jobs": [page(100, CURSOR), page(100, OTHER), page(7, None)]})

    completed = run("jobs", "list", "--all", "--json", web=web)

    listing = json.loads(completed.stdout)
    assert listing == {"jobs": [job_status()] * 207, "next_cursor": None}


def test_list_filters_by_state_and_type() -> None:
    web = WebStub({"GET /jobs": page(1, None)})

    run(
        "jobs",
        "list",
        "--state",
        "failure",
        "--state",
        "REVOKED",
        "--type",
        "health_check",
        web=web,
    )

    query = web.requests[0].url.params
    assert query.get_list("state") == ["FAILURE", "REVOKED"]
    assert query.get_list("type") == ["health_check"]


def test_list_any_sends_every_state() -> None:
    web = WebStub({"GET /jobs": page(1, None)})

    run("jobs", "list", "--state", "any", web=web)

    assert len(web.requests[0].url.params.get_list("state")) == 6


def test_the_url_option_overrides_the_setting() -> None:
    web = WebStub({"GET /jobs": page(0, None), "GET /below/jobs": page(0, None)})
    environ = {"CURATOR_URL": "https://set.example"}

    run("jobs", "list", web=web, environ=environ)
    run("jobs", "list", "--url", "https://given.example/below/", web=web, environ=environ)

    assert [request.url.host for request in web.requests] == ["set.example", "given.example"]


def test_attempts_are_listed() -> None:
    attempt = {
        "step": "analyse:0",
        "attempt": 1,
        "outcome": "retried",
        "reason": "server_error",
        "detail": "503",
        "at": "2025-01-02T03:04:05Z",
    }
    web = WebStub({f"GET /jobs/{JOB}/attempts": respond({"attempts": [attempt]})})
    lines = run("jobs", "attempts", JOB, web=web).stdout.splitlines()
    assert lines[0] == "step\tattempt\toutcome\tat\treason\twhy"
    assert lines[1].startswith("analyse:0\t1\tretried\t")
    assert lines[1].endswith("\tserver_error\t503")
    completed = run("jobs", "attempts", JOB, "--json", web=web)
    assert json.loads(completed.stdout) == {"attempts": [attempt]}
