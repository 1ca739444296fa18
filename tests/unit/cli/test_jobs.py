"""What the commands ask of the web service."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.unit.cli.web_stub import JOB, OTHER, WebStub, job_status, respond, run

SUBMITTED = {
    "POST /jobs": respond({"job_id": JOB, "status": "submitted", "type": "topic_curation"}, 202)
}


@pytest.mark.parametrize(
    ("command", "request_body"),
    [
        (("--topic", "tides"), {"type": "topic_curation", "topic": "tides"}),
        (
            ("--topic", "tides", "--max-articles", "5", "--no-diversity", "--priority", "HIGH"),
            {
                "type": "topic_curation",
                "topic": "tides",
                "max_articles": 5,
                "apply_diversity": False,
                "priority": "high",
            },
        ),
        (("http://a",), {"type": "single_analysis", "url": "http://a"}),
        (
            ("http://a", "--query", "reefs"),
            {"type": "single_analysis", "url": "http://a", "query": "reefs"},
        ),
        (("http://a", "--batch"), {"type": "batch_analysis", "urls": ["http://a"]}),
        (
            ("http://a", "http://b", "--diversity"),
            {"type": "batch_analysis", "urls": ["http://a", "http://b"], "apply_diversity": True},
        ),
        (("--type", "health_check"), {"type": "health_check"}),
        (
            ("http://a", "--depends-on", JOB, "--depends-on", OTHER, "--deadline", "90"),
            {
                "type": "single_analysis",
                "url": "http://a",
                "deadline_seconds": 90.0,
                "depends_on": [JOB, OTHER],
            },
        ),
        (
            ("http://a", "--not-before", "2026-03-01T08:30:00+01:00"),
            {
                "type": "single_analysis",
                "url": "http://a",
                "not_before": "2026-03-01T08:30:00+01:00",
            },
        ),
    ],
)
def test_submit_sends_what_was_given_and_leaves_the_rest_to_the_server(
    command: tuple[str, ...], request_body: dict[str, Any]
) -> None:
    web = WebStub(SUBMITTED)

    completed = run("jobs", "submit", *command, web=web)

    assert completed.exit_code == 0
    assert web.body() == request_body
    assert JOB in completed.stdout


def test_a_time_without_an_offset_is_of_the_local_zone() -> None:
    web = WebStub(SUBMITTED)
    run("jobs", "submit", "http://a", "--not-before", "2026-03-01T08:30", web=web)
    sent = dt.datetime.fromisoformat(web.body()["not_before"])
    assert sent == dt.datetime(2026, 3, 1, 8, 30).astimezone()
    assert sent.tzinfo is not None


@pytest.mark.parametrize("key", ["order-66", "clé", " "])
def test_a_key_is_sent_as_it_is(key: str) -> None:
    web = WebStub(SUBMITTED)
    completed = run("jobs", "submit", "http://a", "--idempotency-key", key, web=web)
    assert completed.exit_code == 0
    assert dict(web.requests[0].headers.raw)[b"Idempotency-Key"] == key.encode()


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


def test_urls_are_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "urls.txt"
    file.write_text("\ufeffhttp://a\n\n# not this one\nhttp://b#part  as seen in the news\n")
    web = WebStub(SUBMITTED)

    run("jobs", "submit", "http://first", "--file", str(file), web=web)

    assert web.body() == {
        "type": "batch_analysis",
        "urls": ["http://first", "http://a", "http://b#part"],
    }


def test_urls_are_read_from_stdin_and_one_of_them_is_a_batch() -> None:
    web = WebStub(SUBMITTED)

    run("jobs", "submit", "--file", "-", web=web, stdin="http://a\n")

    assert web.body() == {"type": "batch_analysis", "urls": ["http://a"]}


@pytest.mark.parametrize(
    ("command", "advice"),
    [
        ((), "Give --topic, a URL, --file, or --type health_check."),
        (("--topic", "tides", "http://a"), "a URL does not go with topic_curation."),
        (("--topic", "tides", "--query", "x"), "--query does not go with topic_curation."),
        (("--topic", "tides", "--file", "-"), "--topic does not go with batch_analysis."),
        (("http://a", "--max-articles", "3"), "--max-articles does not go with single_analysis."),
        (("http://a", "--diversity"), "--diversity does not go with single_analysis."),
        (("http://a", "--batch", "--type", "single_analysis"), "--batch does not go with"),
        (("--type", "topic_curation"), "topic_curation needs --topic."),
        (("--type", "single_analysis"), "single_analysis needs one URL."),
        (("--type", "single_analysis", "http://a", "http://b"), "single_analysis needs one URL."),
        (("--type", "batch_analysis"), "batch_analysis needs a URL."),
        (("--file", "-"), "batch_analysis needs a URL."),
        (("--type", "health_check", "http://a"), "a URL does not go with health_check."),
        (("--file", "/nowhere/urls.txt"), "No such file"),
        (("--topic", "tides", "--max-articles", "0"), "0 is not in the range"),
        (("http://a", "--depends-on", "tea"), "'tea' is not a valid UUID"),
        (("http://a", "--not-before", "tomorrow"), "'tomorrow' is not a time such as"),
        (("http://a", "--deadline", "soon"), "'soon' is not a valid float"),
    ],
)
def test_what_does_not_go_together_is_not_sent(command: tuple[str, ...], advice: str) -> None:
    web = WebStub(SUBMITTED)

    completed = run("jobs", "submit", *command, web=web)

    assert completed.exit_code == 2
    assert advice in completed.stderr
    assert web.requests == []


def page(count: int, cursor: str | None) -> httpx.Response:
    return respond({"jobs": [job_status()] * count, "next_cursor": cursor})


def test_list_follows_the_pages_up_to_its_limit() -> None:
    web = WebStub({"GET /jobs": [page(100, "c1"), page(50, "c2")]})

    completed = run("jobs", "list", "--limit", "150", web=web)

    assert [dict(request.url.params) for request in web.requests] == [
        {"limit": "100"},
        {"limit": "50", "cursor": "c1"},
    ]
    assert len(completed.stdout.splitlines()) == 1 + 150
    assert "There are more" in completed.stderr


def test_list_all_ends_with_the_last_page() -> None:
    web = WebStub({"GET /jobs": [page(100, "c1"), page(100, "c2"), page(7, None)]})

    completed = run("jobs", "list", "--all", "--json", web=web)

    listing = json.loads(completed.stdout)
    assert listing == {"jobs": [job_status()] * 207, "next_cursor": None}


def test_list_asks_for_the_states_and_types_given() -> None:
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


def test_list_any_state_asks_for_all_of_them() -> None:
    web = WebStub({"GET /jobs": page(1, None)})

    run("jobs", "list", "--state", "any", web=web)

    assert len(web.requests[0].url.params.get_list("state")) == 6


def test_the_address_is_the_option_else_the_setting() -> None:
    web = WebStub({"GET /jobs": page(0, None), "GET /below/jobs": page(0, None)})
    environ = {"CURATOR_URL": "https://set.example"}

    run("jobs", "list", web=web, environ=environ)
    run("jobs", "list", "--url", "https://given.example/below/", web=web, environ=environ)

    assert [request.url.host for request in web.requests] == ["set.example", "given.example"]
