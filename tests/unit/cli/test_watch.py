"""`curator jobs watch`."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import httpx
import pytest

from tests.unit.cli.web_stub import (
    JOB,
    WebStub,
    job_result,
    job_status,
    problem,
    respond,
    run,
    submitted,
)

STATUS = f"GET /jobs/{JOB}/status"
RESULT = f"GET /jobs/{JOB}/result"
GONE = httpx.ConnectError("refused")


LIST = respond(job_result())


def at(current: int) -> httpx.Response:
    return respond(job_status(current=current))


def test_watch_prints_each_tenth_once_and_then_the_result() -> None:
    waiting = respond(job_status("WAITING", current=0, total=None))
    end = respond(job_status("SUCCESS", current=10))
    replies = [waiting, waiting, at(1), at(1), at(2), end]
    web = WebStub({STATUS: list[httpx.Response | Exception](replies), RESULT: LIST})

    completed = run("jobs", "watch", JOB, web=web)

    assert completed.exit_code == 0
    assert completed.stderr.splitlines() == [
        "WAITING",
        "PROGRESS 1/10, 1 failed",
        "PROGRESS 2/10, 1 failed",
        "SUCCESS 10/10, 1 failed",
    ]
    assert "\n1\t81.2\tTides\ta.example\thttps://a.example/Tides\t" in completed.stdout
    assert "too_short\thttps://a.example/3\t90 words" in completed.stdout


RETRIES: dict[str, Any] = {
    "retrying_count": 4,
    "retrying": [{"url": "https://a.example/7", "at": "2025-01-02T03:10:00Z"}],
}


def test_watch_says_once_what_is_tried_again_and_when() -> None:
    retrying = respond(job_status(current=9, **RETRIES))
    end = respond(job_status("SUCCESS", current=10))
    replies = [at(9), retrying, retrying, end]
    web = WebStub({STATUS: list[httpx.Response | Exception](replies), RESULT: LIST})
    local = dt.datetime(2025, 1, 2, 3, 10, tzinfo=dt.UTC).astimezone()

    completed = run("jobs", "watch", JOB, web=web)

    assert completed.stderr.splitlines() == [
        "PROGRESS 9/10, 1 failed",
        f"PROGRESS 9/10, 1 failed, 4 to be tried again from {local:%H:%M:%S}",
        "SUCCESS 10/10, 1 failed",
    ]


def test_the_status_lists_what_is_tried_again() -> None:
    web = WebStub({STATUS: respond(job_status(**RETRIES))})
    local = dt.datetime(2025, 1, 2, 3, 10, tzinfo=dt.UTC).astimezone()
    lines = run("jobs", "show", JOB, web=web).stdout.splitlines()
    heading = lines.index("4 failed at first, and are tried again")
    assert lines[heading + 2] == f"{local:%Y-%m-%d %H:%M:%S}\thttps://a.example/7"


def test_submit_and_watch_ends_with_the_list() -> None:
    web = WebStub({"POST /jobs": submitted(), STATUS: respond(job_status("SUCCESS")), RESULT: LIST})
    completed = run("jobs", "submit", "--topic", "tides", "--watch", web=web)
    assert completed.exit_code == 0
    assert "\tTides\t" in completed.stdout
    as_json = run("jobs", "submit", "--topic", "tides", "--watch", "--json", web=web)
    assert json.loads(as_json.stdout) == job_result()


@pytest.mark.parametrize(
    ("options", "exit_code"),
    [((), 0), (("--fail-on", "job"), 0), (("--fail-on", "any"), 1)],
)
@pytest.mark.parametrize("command", [("watch", JOB), ("result", JOB)], ids=lambda words: words[0])
def test_failed_articles_are_a_failure_on_request(
    command: tuple[str, ...], options: tuple[str, ...], exit_code: int
) -> None:
    web = WebStub({STATUS: respond(job_status("SUCCESS")), RESULT: LIST})
    completed = run("jobs", *command, *options, web=web)
    assert completed.exit_code == exit_code
    assert ("1 article of the job failed" in completed.stderr) == bool(exit_code)


def test_watch_prints_the_status_where_the_result_is_gone() -> None:
    gone = problem(410, "The result is no longer kept")
    web = WebStub({STATUS: respond(job_status("SUCCESS")), RESULT: gone})

    completed = run("jobs", "watch", JOB, web=web)

    assert completed.exit_code == 0
    assert "state\tSUCCESS" in completed.stdout
    assert "The result is no longer kept" in completed.stderr


def test_ctrl_c_leaves_the_job_running_and_is_no_error() -> None:
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    web = WebStub({STATUS: at(1)})

    completed = run("jobs", "watch", JOB, web=web, sleep=interrupt)

    assert completed.exit_code == 0
    assert (
        f"The job keeps running; follow it again with `curator jobs watch {JOB}`."
        in completed.stderr
    )
    assert {request.method for request in web.requests} == {"GET"}


def test_watch_survives_a_restart_of_the_server() -> None:
    end = respond(job_status("SUCCESS"))
    web = WebStub({STATUS: [at(1), GONE, GONE, end], RESULT: [GONE, LIST]})

    completed = run("jobs", "watch", JOB, web=web)

    assert completed.exit_code == 0
    assert "\tTides\t" in completed.stdout


def test_watch_gives_up_on_a_server_that_stays_away() -> None:
    seconds = iter(range(0, 1000, 10))
    web = WebStub({STATUS: [at(1), GONE]})

    completed = run("jobs", "watch", JOB, web=web, clock=lambda: next(seconds))

    assert completed.exit_code == 3
    assert len(web.requests) == 5


def test_on_a_terminal_watch_is_a_progress_bar() -> None:
    end = respond(job_status("SUCCESS", current=10))
    web = WebStub({STATUS: [at(1), at(4), end], RESULT: LIST})

    completed = run("jobs", "watch", JOB, "--json", web=web, terminal=True)

    assert "10/10" in completed.stderr
    assert "1 failed" in completed.stderr
    assert json.loads(completed.stdout)["state"] == "SUCCESS"
