"""Ids that are shortened, and those that completion suggests."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from click.shell_completion import ShellComplete

from app.cli.context import CliContext
from app.cli.main import cli
from tests.unit.cli.test_schedules import schedule
from tests.unit.cli.web_stub import JOB, WebStub, job_status, respond, run

FIRST = "01900000-1111-7000-8000-00000000abcd"
SECOND = "01900000-2222-7000-8000-00000000beef"
OLD = "01800000-3333-7000-8000-00000000cafe"


def listing(*ids: str, cursor: str | None = None) -> httpx.Response:
    jobs = [job_status(job_id=job_id, about="tides") for job_id in ids]
    return respond({"jobs": jobs, "next_cursor": cursor})


def web_with(*ids: str) -> WebStub:
    status = {f"GET /jobs/{job_id}/status": respond(job_status(job_id=job_id)) for job_id in ids}
    return WebStub({"GET /jobs": listing(*ids), **status})


@pytest.mark.parametrize(
    "text",
    ["abcd", "ABCD", "0000abcd", "00000000abcd", "00000000a", "01900000-1", FIRST[:-1], FIRST[1:]],
)
def test_a_part_that_only_one_id_has_is_enough(text: str) -> None:
    completed = run("jobs", "show", text, web=web_with(FIRST, SECOND))
    assert completed.exit_code == 0, completed.stderr
    assert f"job\t{FIRST}" in completed.stdout


def test_a_whole_id_is_not_looked_up() -> None:
    web = web_with(FIRST)
    run("jobs", "show", FIRST.upper(), web=web)
    assert web.calls() == [f"GET /jobs/{FIRST}/status"]


def test_the_beginning_of_an_old_id_is_looked_up_by_its_time() -> None:
    replies: list[httpx.Response | Exception] = [listing(SECOND, FIRST), listing(OLD)]
    web = WebStub(
        {"GET /jobs": replies, f"GET /jobs/{OLD}/status": respond(job_status(job_id=OLD))}
    )

    completed = run("jobs", "show", "01800000", web=web)

    assert completed.exit_code == 0, completed.stderr
    assert web.requests[1].url.params["cursor"] == "01800000-ffff-ffff-ffff-ffffffffffff"


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("0190", f"0190 is the beginning or end of several job ids: {FIRST}, {SECOND}"),
        ("dead", "no id among the last 1000 jobs begins or ends with dead"),
        ("cd", "'cd' is not the id of a job: give the whole id, or at least 4 characters"),
        ("tides", "'tides' is not the id of a job"),
        ("../../health", "is not the id of a job"),
    ],
)
def test_any_other_part_is_refused(text: str, advice: str) -> None:
    web = web_with(FIRST, SECOND)
    completed = run("jobs", "show", text, web=web)
    assert completed.exit_code == 2
    assert advice in completed.stderr
    assert set(web.calls()) <= {"GET /jobs"}


def test_a_part_that_does_not_fit_is_one_refusal_among_others() -> None:
    cancelled = respond({"job_id": FIRST, "status": "cancelled"}, 200)
    web = WebStub({"GET /jobs": listing(FIRST, SECOND), f"DELETE /jobs/{FIRST}": cancelled})

    completed = run("jobs", "cancel", "dead", "abcd", web=web)

    assert completed.exit_code == 2
    assert completed.stdout == f"{FIRST}  cancelled\n"
    assert "dead: no id among" in completed.stderr


def test_dependencies_can_be_shortened() -> None:
    web = WebStub(
        {
            "GET /jobs": listing(FIRST, SECOND),
            "POST /jobs": respond(
                {
                    "job_id": JOB,
                    "status": "submitted",
                    "type": "single_analysis",
                    "topic": None,
                    "urls_count": 1,
                },
                202,
            ),
        }
    )
    completed = run("jobs", "submit", "http://a", "--depends-on", "beef", web=web)
    assert completed.exit_code == 0, completed.stderr
    assert web.body()["depends_on"] == [SECOND]


def test_the_id_of_a_schedule_can_be_shortened() -> None:
    known = schedule()
    path = f"/schedules/{known['schedule_id']}"
    schedules = respond({"schedules": [known], "next_cursor": None})
    web = WebStub({"GET /schedules": schedules, f"GET {path}": respond(known)})
    assert run("schedules", "show", known["schedule_id"][-4:], web=web).exit_code == 0
    assert "no id among the schedules" in run("schedules", "show", "dead", web=web).stderr


def suggested(web: Any, *words: str) -> list[str]:
    """What completion offers for the last of these words."""
    context = CliContext(environ={}, transport=httpx.MockTransport(web))
    completion = ShellComplete(cli, {"obj": context}, "curator", "_CURATOR_COMPLETE")
    return [item.value for item in completion.get_completions(list(words[:-1]), words[-1])]


def test_completion_suggests_ids() -> None:
    web = web_with(FIRST, SECOND)
    assert suggested(web, "jobs", "show", "") == [FIRST, SECOND]
    assert suggested(web, "jobs", "cancel", FIRST, "beef") == [SECOND]
    assert suggested(web, "jobs", "watch", "01900000-1") == [FIRST]
    assert suggested(web, "jobs", "watch", "00000000a") == [FIRST]
    assert suggested(web, "jobs", "show", "--server", "http://given.example", "beef") == [SECOND]
    assert web.requests[-1].url.host == "given.example"

    schedules = respond({"schedules": [schedule()], "next_cursor": None})
    known = schedule()["schedule_id"]
    assert suggested(WebStub({"GET /schedules": schedules}), "schedules", "remove", "") == [known]


def test_completion_is_silent_where_no_server_answers() -> None:
    away = WebStub({"GET /jobs": httpx.ConnectError("refused")})
    assert suggested(away, "jobs", "show", "01") == []


def test_completion_suggests_commands_and_options() -> None:
    web = WebStub({})
    assert suggested(web, "jobs", "re") == ["result", "retry", "rerun"]
    assert "--fail-on" in suggested(web, "jobs", "result", "--f")
    assert "--url" not in suggested(web, "jobs", "result", "--")
