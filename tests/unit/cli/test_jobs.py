"""`curator jobs list` and `attempts`, and where requests go."""

from __future__ import annotations

import json

import httpx
import msgspec
import pytest

from app.api.models.traces import trace_document
from tasks.jobs.job import JobState
from tasks.telemetry.spans import JobTrace
from tests.spans import attempt, span
from tests.unit.cli.web_stub import JOB, OTHER, WebStub, job_status, respond, run

CURSOR = "01900000-0000-7000-8000-0000000000c1"


def page(count: int, cursor: str | None) -> httpx.Response:
    return respond({"jobs": [job_status()] * count, "next_cursor": cursor})


def test_list_follows_pages_up_to_its_limit() -> None:
    web = WebStub({"GET /jobs": [page(100, CURSOR), page(50, OTHER)]})

    completed = run("jobs", "list", "--limit", "150", web=web)

    queries = [request.url.params for request in web.requests]
    assert [(query["limit"], query.get("cursor")) for query in queries] == [
        ("100", None),
        ("50", CURSOR),
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


def test_list_asks_for_every_state_unless_told_otherwise() -> None:
    web = WebStub({"GET /jobs": page(1, None)})

    run("jobs", "list", web=web)
    run("jobs", "list", "--active", web=web)
    both = run("jobs", "list", "--active", "--state", "SUCCESS", web=web)

    states = [request.url.params.get_list("state") for request in web.requests]
    assert sorted(states[0]) == sorted(JobState)
    assert states[1] == ["WAITING", "PENDING", "PROGRESS"]
    assert both.exit_code == 2
    assert "Give either --active or --state." in both.stderr
    assert len(web.requests) == 2


def test_on_a_terminal_an_id_is_shortened_to_its_end() -> None:
    web = WebStub({"GET /jobs": page(1, None)})
    assert JOB in run("jobs", "list", web=web).stdout
    shown = run("jobs", "list", web=web, terminal=True).stdout
    assert JOB not in shown
    assert JOB.rpartition("-")[2] in shown


def test_the_server_option_overrides_the_setting() -> None:
    web = WebStub({"GET /jobs": page(0, None), "GET /below/jobs": page(0, None)})
    environ = {"CURATOR_URL": "https://set.example"}

    run("jobs", "list", web=web, environ=environ)
    run("jobs", "list", "--server", "https://given.example/below/", web=web, environ=environ)

    assert [request.url.host for request in web.requests] == ["set.example", "given.example"]


def test_the_former_name_of_the_server_option_names_the_new_one() -> None:
    web = WebStub({})
    completed = run("jobs", "list", "--url", "https://given.example", web=web)
    assert completed.exit_code == 2
    assert "--url is called --server now." in completed.stderr
    assert "--url" not in run("jobs", "list", "-h", web=web).stdout


@pytest.mark.parametrize(
    ("server", "sent"),
    [
        ((), True),
        (("--server", "https://set.example"), True),
        (("--server", "http://127.0.0.1:9000"), True),
        (("--server", "https://other.example"), False),
        (("--server", "http://localhost.other.example"), False),
        (("--server", "http://127.0.0.1@other.example"), False),
    ],
    ids=str,
)
def test_the_secret_of_the_proxy_is_sent_to_no_other_host(
    server: tuple[str, ...], sent: bool
) -> None:
    web = WebStub({"GET /jobs": page(0, None)})
    secret = "0123456789abcdef"
    environ = {"CURATOR_URL": "https://set.example", "PROXY_SECRET": secret}

    run("jobs", "list", *server, web=web, environ=environ)

    given = web.requests[0].headers.get("X-Curator-Proxy-Secret")
    assert given == (secret if sent else None)


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


def test_a_trace_is_drawn() -> None:
    analyse = attempt("analyse:0", 2, 4, waited=1, outcome="retried", error="503", error__type="x")
    fetch = span("fetch", 2, 4, analyse, server__address="a.example")
    trace = JobTrace(spans=(attempt("discover", 0, 1), analyse, fetch))
    document = json.loads(msgspec.json.encode(trace_document(trace)))
    web = WebStub({f"GET /jobs/{JOB}/trace": respond(document)})
    lines = run("jobs", "trace", JOB, web=web).stdout.splitlines()
    bars = ["+" * 10 + "." * 30, "." * 10 + ":" * 10 + "=" * 20]
    assert lines[3] == "step\tattempt\tseconds\twhen\toutcome\thost\twhy"
    assert lines[4] == f"discover\t1\t1.0\t{bars[0]}\tsucceeded\t-\t-"
    assert lines[5] == f"analyse:0\t1\t2.0\t{bars[1]}\tretried\t-\tx: 503"
    assert lines[8] == "a.example\t1\t2.0\t2.0\t0.0"
    completed = run("jobs", "trace", JOB, "--json", web=web)
    assert json.loads(completed.stdout) == document


def test_a_job_that_has_not_run_has_no_trace() -> None:
    web = WebStub({f"GET /jobs/{JOB}/trace": respond({"resourceSpans": []})})
    assert run("jobs", "trace", JOB, web=web).stdout.startswith("Nothing of this job has run yet")
