"""Output: one JSON document with --json, else text in which pages cannot control the terminal."""

from __future__ import annotations

import io
import json
import unicodedata
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from app.cli.tables import show_result
from tasks.jobs.result import JobResult, read_result
from tests.unit.cli.web_stub import (
    HEALTH,
    HOSTILE,
    JOB,
    OTHER,
    TAMED,
    WebStub,
    cancelled,
    document_of,
    job_result,
    job_status,
    ranked,
    respond,
    run,
    submitted,
)

FAILED = {"reason": "sources_failed", "detail": HOSTILE}

WEB = {
    "POST /jobs": submitted(),
    "GET /jobs": respond({"jobs": [job_status(error=FAILED)], "next_cursor": None}),
    f"GET /jobs/{JOB}/status": respond(job_status("SUCCESS", error=FAILED)),
    f"GET /jobs/{JOB}/result": respond(job_result(results=[ranked(HOSTILE, 50.0)])),
    f"DELETE /jobs/{JOB}": cancelled(JOB, "cancelled"),
    f"DELETE /jobs/{OTHER}": cancelled(OTHER, "cancelling"),
}

COMMANDS = [
    ("submit", "--topic", "tides"),
    ("submit", "--topic", "tides", "--watch"),
    ("list",),
    ("show", JOB),
    ("watch", JOB),
    ("result", JOB),
    ("result", JOB, "--scores", "--decisions"),
    ("cancel", JOB),
]


def controls(text: str) -> set[str]:
    return {sign for sign in text if unicodedata.category(sign) in ("Cc", "Cf")} - {"\n", "\t"}


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_json_is_one_document_on_one_line_and_nothing_else(command: tuple[str, ...]) -> None:
    completed = run("jobs", *command, "--json", web=WebStub(WEB))

    assert completed.exit_code == 0
    assert isinstance(json.loads(completed.stdout), dict)
    assert completed.stdout.count("\n") == 1
    assert controls(completed.stdout) == set()


def test_json_is_the_servers_document() -> None:
    completed = run("jobs", "result", JOB, "--json", web=WebStub(WEB))

    assert json.loads(completed.stdout) == job_result(results=[ranked(HOSTILE, 50.0)])


def test_json_of_several_jobs_is_one_line_for_each() -> None:
    completed = run("jobs", "cancel", JOB, OTHER, "--json", web=WebStub(WEB))

    assert [json.loads(line)["job_id"] for line in completed.stdout.splitlines()] == [JOB, OTHER]


def test_settings_as_json() -> None:
    completed = run("settings", "--json", environ={"DOMAIN_CAP": "5"})

    row = next(row for row in json.loads(completed.stdout) if row["name"] == "DOMAIN_CAP")
    assert (row["value"], row["default"]) == ("5", "2")


def test_settings_hide_secrets() -> None:
    completed = run("settings", environ={"REDIS_URL": "redis://:hush@db"})

    assert "REDIS_URL\t(hidden)\t" in completed.stdout
    assert "hush" not in completed.stdout


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_without_a_terminal_lines_are_plain(command: tuple[str, ...]) -> None:
    completed = run("jobs", *command, web=WebStub(WEB))

    assert completed.exit_code == 0
    assert controls(completed.stdout + completed.stderr) == set()


def test_a_hostile_title_stays_one_harmless_cell() -> None:
    completed = run("jobs", "result", JOB, web=WebStub(WEB))

    assert f"1\t50.0\t{TAMED}\ta.example\t" in completed.stdout


def test_a_hostile_title_is_harmless_on_a_terminal() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, color_system=None, width=120)

    show_result(console, result_of([ranked(HOSTILE, 50.0)]))

    assert TAMED in screen.getvalue()
    assert controls(screen.getvalue()) == set()


def test_a_narrow_terminal_shows_every_url_whole() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, color_system=None, width=60)
    article = ranked("Tides", 50.0)
    article["article"]["url"] = "https://a.example/" + "-".join(map(str, range(60)))

    show_result(console, result_of([article]), scores=True)

    assert article["article"]["url"] in "".join(screen.getvalue().split())
    assert "readability 77.7" in screen.getvalue()


def test_a_result_lists_the_ranked_then_the_failed_then_the_decisions() -> None:
    web = WebStub({f"GET /jobs/{JOB}/result": respond(job_result())})

    lines = run("jobs", "result", JOB, "--decisions", web=web).stdout.splitlines()

    assert lines == [
        "SUCCESS, 2 articles of 3 candidates, 1 failed",
        "#\tscore\ttitle\tdomain\turl\tdate\tsummary\tsources",
        "1\t81.2\tTides\ta.example\thttps://a.example/Tides\t2025-03-01\tThe sea rises.\t1",
        "2\t64.0\tReefs\ta.example\thttps://a.example/Reefs\t-\t-\t1",
        "",
        "failed\turl\twhy",
        "too_short\thttps://a.example/3\t90 words",
        "",
        "decision\tscore\turl\twhy",
        "kept\t-\thttps://a.example/Tides\tRank 1 of 2.",
    ]


def test_on_a_terminal_a_result_names_who_else_reports_its_story() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, color_system=None, width=120)
    other = {"url": "https://b.example/1", "title": "High tides", "publish_date": None}
    article = {
        **ranked("Tides", 50.0),
        "sources_count": 3,
        "also_reported_by": [
            {**other, "domain": "b.example", "is_copy": False},
            {**other, "domain": "c.example", "is_copy": True},
        ],
    }

    show_result(console, result_of([article]))

    assert "also reported by b.example, c.example (copy)" in screen.getvalue()


def test_a_result_without_articles_is_its_state() -> None:
    web = WebStub({f"GET /jobs/{JOB}/result": respond(document_of(HEALTH))})

    completed = run("jobs", "result", JOB, web=web)

    assert completed.stdout == "SUCCESS\n"


def test_a_result_can_be_written_to_a_file(tmp_path: Path) -> None:
    completed = run("jobs", "result", JOB, "-o", str(tmp_path / "result.json"), web=WebStub(WEB))

    assert completed.stdout == ""
    written = json.loads((tmp_path / "result.json").read_bytes())
    assert written == job_result(results=[ranked(HOSTILE, 50.0)])


def test_a_file_that_cannot_be_written_is_invalid_usage(tmp_path: Path) -> None:
    completed = run("jobs", "result", JOB, "-o", str(tmp_path / "no" / "result"), web=WebStub(WEB))

    assert completed.exit_code == 2
    assert "cannot be written: No such file" in completed.stderr


def result_of(articles: list[dict[str, object]]) -> JobResult:
    return read_result(msgspec.json.encode(job_result(results=articles)))
