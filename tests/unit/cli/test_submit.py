"""`curator jobs submit`: the request that it sends."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.web_stub import JOB, OTHER, WebStub, run, submitted

SUBMITTED = {"POST /jobs": submitted()}


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
            (
                *("--topic", "tides", "--domain-cap", "1", "--cluster-cap", "2"),
                *("--min-relevance", "20", "--min-words", "50", "--weight", "recency=0.5"),
                *("--weight", "ner=0", "--published-after", "2026-03-01T00:00:00+00:00"),
                *("--language", "en", "--language", "de", "--source", "feeds"),
                *("--include-domain", "a.example", "--exclude-domain", "b.a.example"),
            ),
            {
                "type": "topic_curation",
                "topic": "tides",
                "domain_cap": 1,
                "cluster_cap": 2,
                "min_relevance": 20.0,
                "min_word_count": 50,
                "weights": {"recency": 0.5, "ner": 0.0},
                "published_after": "2026-03-01T00:00:00+00:00",
                "languages": ["en", "de"],
                "sources": ["feeds"],
                "include_domains": ["a.example"],
                "exclude_domains": ["b.a.example"],
            },
        ),
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
def test_submit_sends_only_the_given_options(
    command: tuple[str, ...], request_body: dict[str, Any]
) -> None:
    web = WebStub(SUBMITTED)

    completed = run("jobs", "submit", *command, web=web)

    assert completed.exit_code == 0
    assert web.body() == request_body
    assert JOB in completed.stdout


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("http://a", "--domain-cap", "1"), "--domain-cap does not go with single_analysis"),
        (("http://a", "http://b", "--source", "feeds"), "--source does not go with batch_analysis"),
        (("--topic", "tides", "--weight", "speed=1"), "must begin with one of readability, ner"),
        (("--topic", "tides", "--weight", "ner=x"), "is not a weight such as recency=0.4"),
        (("--topic", "tides", "--published-after", "soon"), "is not a time such as"),
    ],
)
def test_options_that_do_not_fit_are_invalid_usage(command: tuple[str, ...], message: str) -> None:
    completed = run("jobs", "submit", *command, web=WebStub({}))
    assert completed.exit_code == 2
    assert message in completed.stderr


def test_a_time_without_an_offset_is_in_the_local_zone() -> None:
    web = WebStub(SUBMITTED)
    run("jobs", "submit", "http://a", "--not-before", "2026-03-01T08:30", web=web)
    sent = dt.datetime.fromisoformat(web.body()["not_before"])
    assert sent == dt.datetime(2026, 3, 1, 8, 30).astimezone()
    assert sent.tzinfo is not None


@pytest.mark.parametrize("key", ["order-66", "clé", " "])
def test_an_idempotency_key_is_sent_unchanged(key: str) -> None:
    web = WebStub(SUBMITTED)
    completed = run("jobs", "submit", "http://a", "--idempotency-key", key, web=web)
    assert completed.exit_code == 0
    assert dict(web.requests[0].headers.raw)[b"Idempotency-Key"] == key.encode()


def test_urls_are_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "urls.txt"
    file.write_text("\ufeffhttp://a\n\n# not this one\nhttp://b#part  as seen in the news\n")
    web = WebStub(SUBMITTED)

    run("jobs", "submit", "http://first", "--file", str(file), web=web)

    assert web.body() == {
        "type": "batch_analysis",
        "urls": ["http://first", "http://a", "http://b#part"],
    }


def test_a_single_url_from_stdin_is_a_batch() -> None:
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
        (("http://a", "--depends-on", "tea"), "'tea' is not the id of a job"),
        (("http://a", "--not-before", "tomorrow"), "'tomorrow' is not a time such as"),
        (("http://a", "--fail-on", "any"), "--fail-on needs --watch"),
        (("http://a", "--deadline", "soon"), "'soon' is not a duration such as 90, 15m"),
    ],
)
def test_conflicting_options_send_no_request(command: tuple[str, ...], advice: str) -> None:
    web = WebStub(SUBMITTED)

    completed = run("jobs", "submit", *command, web=web)

    assert completed.exit_code == 2
    assert advice in completed.stderr
    assert web.requests == []


BAD_LINES = """https://a.example/1

not a url
# a comment
ftp://files.example/a
https://b.example/2
"""


def test_all_lines_that_are_no_urls_are_listed_at_once(tmp_path: Path) -> None:
    file = tmp_path / "urls.txt"
    file.write_text(BAD_LINES)
    web = WebStub(SUBMITTED)

    completed = run("jobs", "submit", "javascript:1", "--file", str(file), web=web)

    assert completed.exit_code == 2
    assert "URL 1: “javascript:1” is no http address." in completed.stderr
    assert "line 3: “not a url” is no http address" in completed.stderr
    assert "line 5: “ftp://files.example/a” is no http address" in completed.stderr
    assert "--skip-invalid" in completed.stderr
    assert web.requests == []


def test_lines_that_are_no_urls_can_be_left_out() -> None:
    web = WebStub(SUBMITTED)
    command = ("jobs", "submit", "--file", "-", "--skip-invalid")

    completed = run(*command, web=web, stdin=BAD_LINES)
    nothing = run(*command, web=web, stdin="not a url\n")

    assert completed.exit_code == 0
    assert web.body()["urls"] == ["https://a.example/1", "https://b.example/2"]
    assert "line 3: “not a url” is no http address" in completed.stderr
    assert "2 left out." in completed.stderr
    assert nothing.exit_code == 2
    assert "No URL is left." in nothing.stderr
    assert len(web.requests) == 1


def test_many_bad_lines_are_a_short_message() -> None:
    lines = "\n".join(f"word{n}\x1b[31m" for n in range(1000))

    completed = run("jobs", "submit", "--file", "-", web=WebStub({}), stdin=lines)

    assert "line 20: “word19[31m”" in completed.stderr
    assert "line 21" not in completed.stderr
    assert "980 more lines like these." in completed.stderr
    assert "\x1b" not in completed.stderr
