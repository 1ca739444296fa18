"""`curator jobs watch`."""

from __future__ import annotations

import json

import httpx

from tests.unit.cli.web_stub import JOB, WebStub, job_status, respond, run

STATUS = f"GET /jobs/{JOB}/status"
GONE = httpx.ConnectError("refused")


def at(current: int) -> httpx.Response:
    return respond(job_status(current=current))


def test_watch_prints_each_tenth_once_and_then_the_status() -> None:
    waiting = respond(job_status("WAITING", current=0, total=None))
    end = respond(job_status("SUCCESS", current=10))
    web = WebStub({STATUS: [waiting, waiting, at(1), at(1), at(2), end]})

    completed = run("jobs", "watch", JOB, web=web)

    assert completed.exit_code == 0
    assert completed.stderr.splitlines() == [
        "WAITING",
        "PROGRESS 1/10, 1 failed",
        "PROGRESS 2/10, 1 failed",
        "SUCCESS 10/10, 1 failed",
    ]
    assert "state\tSUCCESS" in completed.stdout
    assert "not_found\thttps://a.example/1\t404" in completed.stdout


def test_ctrl_c_leaves_the_job_running() -> None:
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    web = WebStub({STATUS: at(1)})

    completed = run("jobs", "watch", JOB, web=web, sleep=interrupt)

    assert completed.exit_code == 130
    assert (
        f"the job keeps running; follow it again with `curator jobs watch {JOB}`"
        in completed.stderr
    )
    assert {request.method for request in web.requests} == {"GET"}


def test_watch_survives_a_restart_of_the_server() -> None:
    web = WebStub({STATUS: [at(1), GONE, GONE, respond(job_status("SUCCESS"))]})

    assert run("jobs", "watch", JOB, web=web).exit_code == 0


def test_watch_gives_up_on_a_server_that_stays_away() -> None:
    seconds = iter(range(0, 1000, 10))
    web = WebStub({STATUS: [at(1), GONE]})

    completed = run("jobs", "watch", JOB, web=web, clock=lambda: next(seconds))

    assert completed.exit_code == 3
    assert len(web.requests) == 5


def test_on_a_terminal_watch_is_a_progress_bar() -> None:
    web = WebStub({STATUS: [at(1), at(4), respond(job_status("SUCCESS", current=10))]})

    completed = run("jobs", "watch", JOB, "--json", web=web, terminal=True)

    assert "10/10" in completed.stderr
    assert "1 failed" in completed.stderr
    assert json.loads(completed.stdout)["state"] == "SUCCESS"
