"""`curator jobs result --format`."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.web_stub import (
    HEALTH,
    JOB,
    WebStub,
    document_of,
    job_result,
    ranked,
    respond,
    run,
)


def printed(format_name: str, document: dict[str, Any], *options: str) -> str:
    web = WebStub({f"GET /jobs/{JOB}/result": respond(document)})
    completed = run("jobs", "result", JOB, "--format", format_name, *options, web=web)
    assert completed.exit_code == 0
    return completed.stdout


def test_csv_says_that_it_omits_what_failed() -> None:
    web = WebStub({f"GET /jobs/{JOB}/result": respond(job_result())})
    completed = run("jobs", "result", JOB, "--format", "csv", web=web)
    assert completed.stderr == "1 failed URLs are not in the CSV: see --format json.\n"


def test_csv_has_a_line_for_each_article() -> None:
    lines = list(csv.DictReader(printed("csv", job_result()).splitlines()))

    assert [line["title"] for line in lines] == ["Tides", "Reefs"]
    assert (
        lines[0].items()
        >= {
            "rank": "1",
            "overall_score": "81.25",
            "url": "https://a.example/Tides",
            "domain": "a.example",
            "author": "",
            "publish_date": "2025-03-01",
            "summary": "The sea rises.",
            "readability_score": "77.7",
        }.items()
    )


@pytest.mark.parametrize("title", ["=HYPERLINK(1)", "+1", "-1", "@SUM(1)", "\t=1", " \n=1"])
def test_a_title_in_csv_is_no_formula(title: str) -> None:
    hostile = job_result(results=[ranked("Tides", 1.0, title=title)])

    (line,) = csv.DictReader(printed("csv", hostile).splitlines())

    assert line["title"] == f"'{title.strip()}"


def test_markdown_is_a_list_of_links() -> None:
    assert printed("markdown", job_result(query="sea level")).splitlines() == [
        "# sea level",
        "",
        "SUCCESS, 2 articles of 3 candidates, 1 failed",
        "",
        "1. [Tides](<https://a.example/Tides>)  ",
        "   a.example · 2025-03-01 · score 81",
        "",
        "   The sea rises.",
        "",
        "2. [Reefs](<https://a.example/Reefs>)  ",
        "   a.example · score 64",
        "",
        "## Failed",
        "",
        "- [https://a.example/3](<https://a.example/3>): 90 words",
    ]


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("[x](https://evil.example)", r"\[x\](https://evil.example)"),
        ("<script>alert(1)</script>", r"\<script\>alert(1)\</script\>"),
        ("**bold** `code` # heading", r"\*\*bold\*\* \`code\` \# heading"),
        ("- a list", r"\- a list"),
        ("1. a list", r"1\. a list"),
        ("2026 in review", "2026 in review"),
        ("two\n\nparagraphs \x1b[31m", r"two paragraphs \[31m"),
        ("&lt;b&gt;", r"\&lt;b\&gt;"),
    ],
)
def test_text_in_markdown_stays_text(text: str, escaped: str) -> None:
    article = ranked("Tides", 1.0, title=text, summary=text)

    lines = printed("markdown", job_result(results=[article])).splitlines()

    assert f"1. [{escaped}](<https://a.example/Tides>)  " in lines
    assert f"   {escaped}" in lines


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("javascript:alert(1)", "1. Tides  "),
        ("https://a.example/a b>c\n", "1. [Tides](<https://a.example/a%20b%3Ec>)  "),
    ],
)
def test_only_web_pages_are_links_in_markdown(url: str, line: str) -> None:
    article = ranked("Tides", 1.0, url=url)
    assert line in printed("markdown", job_result(results=[article])).splitlines()


def test_a_health_check_in_every_format() -> None:
    document = document_of(HEALTH)
    assert printed("markdown", document) == "SUCCESS\n"
    assert printed("csv", document).count("\n") == 1
    assert json.loads(printed("json", document)) == document


def test_a_document_can_be_written_to_a_file(tmp_path: Path) -> None:
    file = tmp_path / "list.md"
    assert printed("markdown", job_result(), "-o", str(file)) == ""
    assert file.read_text().startswith("SUCCESS, 2 articles")


def test_json_does_not_go_with_another_format() -> None:
    completed = run("jobs", "result", JOB, "--json", "--format", "csv", web=WebStub({}))
    assert completed.exit_code == 2
    assert "--json does not go with --format csv." in completed.stderr
