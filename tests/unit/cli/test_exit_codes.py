"""Exit codes: 0 success, 1 job failed, 2 invalid usage, 3 unreachable; one line on stderr."""

from __future__ import annotations

import httpx
import pytest

from tests.unit.cli.web_stub import (
    JOB,
    OTHER,
    Reply,
    WebStub,
    cancelled,
    job_result,
    job_status,
    problem,
    respond,
    run,
    submitted,
)

STATUS = f"GET /jobs/{JOB}/status"
HTML = httpx.Response(200, html="<h1>Welcome to nginx!</h1>")


@pytest.mark.parametrize(
    "reply",
    [
        httpx.ConnectError("[Errno 111] Connection refused"),
        httpx.ConnectTimeout(""),
        httpx.ReadTimeout(""),
        httpx.RemoteProtocolError("illegal status line: bytearray(b'-ERR unknown')"),
        UnicodeError("label empty or too long"),
        problem(503, "Ledger unavailable", "Try again."),
        problem(500, "Internal error"),
        httpx.Response(502, html="<h1>Bad gateway</h1>"),
        HTML,
        httpx.Response(404, html="<h1>Not found</h1>"),
        httpx.Response(404, json={"detail": "Not Found"}),
        httpx.Response(200, json=["something", "else"]),
        httpx.Response(200, json={"job_id": JOB, "type": "batch_analysis", "state": "ODD"}),
        httpx.Response(200, content=b"\xff\xfe\x00"),
        httpx.Response(204),
        httpx.Response(301, headers={"location": "https://elsewhere.example/login"}),
    ],
    ids=repr,
)
@pytest.mark.parametrize("extra", [(), ("--json",)])
def test_no_content_curator_at_the_url_is_exit_code_3(reply: Reply, extra: tuple[str, ...]) -> None:
    completed = run("jobs", "show", JOB, *extra, web=WebStub({STATUS: reply}))

    assert completed.exit_code == 3
    assert completed.stdout == ""
    assert completed.stderr.startswith("Error: http://127.0.0.1:8000 ")
    assert completed.stderr.count("\n") == 1


def test_a_redirect_is_reported_and_not_followed() -> None:
    web = WebStub({STATUS: httpx.Response(302, headers={"location": "https://sso.example/"})})

    completed = run("jobs", "show", JOB, web=web)

    assert "redirects to https://sso.example/" in completed.stderr
    assert len(web.requests) == 1


@pytest.mark.parametrize(
    ("call", "command", "reply"),
    [
        (STATUS, ("show", JOB), problem(404, "Unknown job", "It may have been forgotten.")),
        (STATUS, ("watch", JOB), problem(404, "Unknown job", "It may have been forgotten.")),
        (f"GET /jobs/{JOB}/result", ("result", JOB), problem(409, "Unknown job", "It may have")),
        (f"GET /jobs/{JOB}/result", ("result", JOB), problem(410, "Unknown job", "It may have")),
        ("POST /jobs", ("submit", "http://x"), problem(400, "Unknown job", "It may have")),
        ("GET /jobs", ("list",), problem(422, "Unknown job", "It may have")),
    ],
)
def test_a_refusal_is_exit_code_2_with_the_servers_message(
    call: str, command: tuple[str, ...], reply: httpx.Response
) -> None:
    completed = run("jobs", *command, web=WebStub({call: reply}))

    assert completed.exit_code == 2
    assert completed.stdout == ""
    assert completed.stderr.startswith("Error: Unknown job: It may have")
    assert completed.stderr.count("\n") == 1


@pytest.mark.parametrize("state", ["FAILURE", "REVOKED"])
def test_a_job_without_success_is_exit_code_1(state: str) -> None:
    failed = job_status(state, error={"reason": "sources_failed", "detail": "no feed answered"})
    web = WebStub(
        {
            "POST /jobs": submitted(),
            STATUS: respond(failed),
            f"GET /jobs/{JOB}/result": respond(job_result(state, error=failed["error"])),
        }
    )

    for command in (("submit", "--topic", "tides", "--watch"), ("watch", JOB), ("result", JOB)):
        completed = run("jobs", *command, web=web)
        assert completed.exit_code == 1, command
        assert f"the job ended in {state}: sources_failed: no feed answered" in completed.stderr


def test_showing_a_failed_job_is_exit_code_0() -> None:
    assert (
        run("jobs", "show", JOB, web=WebStub({STATUS: respond(job_status("FAILURE"))})).exit_code
        == 0
    )


@pytest.mark.parametrize(
    "command",
    [
        ("show", "not-an-id"),
        ("show", "../../health"),
        ("cancel",),
        ("list", "--state", "LOST"),
        ("list", "--limit", "0"),
        ("result", JOB, "--nonsense"),
        ("show", JOB, "--server", "ftp://files.example"),
        ("show", JOB, "--server", "http://[::1"),
        ("nonsense",),
    ],
)
def test_invalid_usage_is_exit_code_2_and_sends_no_request(command: tuple[str, ...]) -> None:
    web = WebStub({})

    completed = run("jobs", *command, web=web)

    assert completed.exit_code == 2
    assert completed.stdout == ""
    assert web.requests == []


@pytest.mark.parametrize("command", [("settings",), ("jobs", "list")])
def test_an_invalid_setting_is_exit_code_2_with_one_line(command: tuple[str, ...]) -> None:
    completed = run(*command, environ={"DOMAIN_CAP": "many"})

    assert completed.exit_code == 2
    assert completed.stderr.startswith("Error: DOMAIN_CAP='many'")
    assert completed.stderr.count("\n") == 1


def test_a_password_in_the_url_is_not_shown() -> None:
    web = WebStub({STATUS: httpx.ConnectError("refused")})

    completed = run("jobs", "show", JOB, "--server", "http://ann:hush@curator.example", web=web)

    assert "hush" not in completed.stderr


def test_a_refusal_for_one_job_does_not_stop_the_others() -> None:
    web = WebStub(
        {
            f"DELETE /jobs/{JOB}": problem(409, "Job finished", "It has ended."),
            f"DELETE /jobs/{OTHER}": cancelled(OTHER, "cancelling"),
        }
    )

    completed = run("jobs", "cancel", JOB, OTHER, web=web)

    assert completed.exit_code == 2
    assert completed.stdout == f"{OTHER}  cancelling\n"
    assert f"{JOB}: Job finished: It has ended." in completed.stderr


@pytest.mark.parametrize(
    ("name", "command", "advice"),
    [
        ("job-unfinished", ("result", JOB), f"follow it with `curator jobs watch {JOB}`"),
        ("unknown-job", ("result", JOB), "check the id, or see `curator jobs list`"),
        ("of-tomorrow", ("result", JOB), "Ask GET /jobs."),
    ],
)
def test_advice_is_in_the_words_of_the_command(
    name: str, command: tuple[str, ...], advice: str
) -> None:
    path = f"/jobs/{JOB}/result"
    document = {
        "type": f"/problems/{name}",
        "title": "It cannot be",
        "detail": "Ask GET /jobs.",
        "instance": path,
    }
    completed = run("jobs", *command, web=WebStub({f"GET {path}": respond(document, 409)}))
    assert completed.stderr == f"Error: It cannot be: {advice}\n"
