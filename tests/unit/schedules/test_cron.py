"""When schedules run: cron expressions in a time zone."""

from __future__ import annotations

import datetime as dt
import re
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import InvalidRequest
from tasks.jobs.ids import is_job_id
from tasks.jobs.job import HealthCheck
from tasks.jobs.submission import Submission
from tasks.schedules.cron import FIELDS, CronExpression, parse_cron
from tasks.schedules.schedule import Schedule

BERLIN = ZoneInfo("Europe/Berlin")
CRON_WORDS = st.text("0123456789*,-/#LWMONJAN", min_size=1, max_size=8)
USUAL = ("* * * * *", "*/7 * * * *", "30 2 * * *", "15,45 1-3 * * *", "0 */5 * * *", "5 4 1 */2 *")


def berlin(day: str, time: str) -> int:
    """A time of the wall clock; `again` for the second occurrence of a repeated hour."""
    wall = dt.datetime.fromisoformat(f"2027-{day}T{time.removesuffix(' again')}")
    return ms(wall.replace(tzinfo=BERLIN, fold=time.endswith(" again")))


def ms(moment: dt.datetime) -> int:
    return round(moment.timestamp() * 1000)


def runs(cron: str, start: int, count: int) -> list[str]:
    """The next runs after the start, on the wall clock of Berlin."""
    expression, moments = parse_cron(cron, "Europe/Berlin"), []
    for _ in range(count):
        start = expression.next_after(start)
        moments.append(f"{dt.datetime.fromtimestamp(start / 1000, BERLIN):%d %H:%M %Z}")
    return moments


def test_the_next_run_is_after_the_moment_by_at_least_a_millisecond() -> None:
    hourly = parse_cron("0 * * * *", "UTC")
    nine = ms(dt.datetime(2027, 1, 1, 9, tzinfo=dt.UTC))
    assert hourly.next_after(nine - 1) == nine
    assert hourly.next_after(nine) == nine + 3_600_000
    assert hourly.next_after(nine + 1) == nine + 3_600_000


def test_an_expression_depends_on_its_time_zone() -> None:
    start = ms(dt.datetime(2027, 1, 1, tzinfo=dt.UTC))
    utc = parse_cron("30 7 * * *", "UTC").next_after(start)
    assert utc - parse_cron("30 7 * * *", "Europe/Berlin").next_after(start) == 3_600_000
    assert parse_cron("30 7 * * *", "America/New_York").next_after(start) - utc == 5 * 3_600_000


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("30 2 * * *", ["28 03:00 CEST", "29 02:30 CEST"]),
        ("0 3 * * *", ["28 03:00 CEST", "29 03:00 CEST"]),
        ("15,45 2 * * *", ["28 03:00 CEST", "29 02:15 CEST"]),
        ("0 1,2,3 * * *", ["28 01:00 CET", "28 03:00 CEST", "29 01:00 CEST"]),
        ("0 2-4/1 28 * *", ["28 03:00 CEST", "28 04:00 CEST"]),
    ],
)
def test_a_fixed_time_that_does_not_exist_runs_at_the_change_of_the_clocks(
    cron: str, expected: list[str]
) -> None:
    assert runs(cron, berlin("03-27", "12:00"), len(expected)) == expected


def test_an_hourly_run_stays_hourly_when_the_clocks_go_forward() -> None:
    assert runs("30 * * * *", berlin("03-28", "00:40"), 3) == [
        "28 01:30 CET",
        "28 03:30 CEST",
        "28 04:30 CEST",
    ]


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("30 2 * * *", ["31 02:30 CEST", "01 02:30 CET"]),
        ("0 2,3 * * *", ["31 02:00 CEST", "31 03:00 CET", "01 02:00 CET"]),
    ],
)
def test_a_fixed_time_that_comes_twice_runs_once_at_the_first(
    cron: str, expected: list[str]
) -> None:
    assert runs(cron, berlin("10-30", "12:00"), len(expected)) == expected


def test_an_hourly_run_stays_hourly_when_the_clocks_go_back() -> None:
    assert runs("30 * * * *", berlin("10-31", "01:40"), 3) == [
        "31 02:30 CEST",
        "31 02:30 CET",
        "31 03:30 CET",
    ]


def test_an_expression_with_a_star_for_its_minutes_is_taken_literally() -> None:
    assert runs("*/30 2 * * *", berlin("03-27", "12:00"), 1) == ["29 02:00 CEST"]
    assert runs("*/30 2 * * *", berlin("10-30", "12:00"), 4) == [
        "31 02:00 CEST",
        "31 02:30 CEST",
        "31 02:00 CET",
        "31 02:30 CET",
    ]


def test_in_a_repeated_hour_the_run_of_its_first_occurrence_is_over() -> None:
    assert runs("30 2 * * *", berlin("10-31", "02:10 again"), 1) == ["01 02:30 CET"]


def test_the_latest_run_is_found_however_many_there_were() -> None:
    every_minute = parse_cron("* * * * *", "Europe/Berlin")
    first, until = berlin("01-01", "00:00"), berlin("12-31", "23:59") + 12_345
    assert every_minute.latest(first, until) == until - 12_345
    assert every_minute.latest(first, first) == first
    assert every_minute.latest(first, first + 59_999) == first


@given(
    cron=st.sampled_from(USUAL),
    zone=st.sampled_from(("UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/Sao_Paulo")),
    start=st.integers(ms(dt.datetime(2017, 1, 1, tzinfo=dt.UTC)), ms(dt.datetime.now(dt.UTC))),
    steps=st.integers(0, 30),
    beyond=st.integers(0, 59_999),
)
def test_the_latest_run_is_the_last_of_the_next_runs(
    cron: str, zone: str, start: int, steps: int, beyond: int
) -> None:
    expression = parse_cron(cron, zone)
    first = last = expression.next_after(start)
    for _ in range(steps):
        following = expression.next_after(last)
        assert following > last
        last = following
    until = min(last + beyond, expression.next_after(last) - 1)
    assert expression.latest(first, until) == last


@pytest.mark.parametrize(
    ("cron", "message"),
    [
        ("", "cron must have 5 fields"),
        ("* * * *", "this has 4"),
        ("* * * * * *", "this has 6"),
        ("@reboot", "like `30 7 * * 1-5`; this has 1"),
        ("* " * 5_000, "cron has 10000 characters; it may have 100"),
        ("60 * * * *", "cron has '60' for its minute: give 0 to 59"),
        ("* 24 * * *", "cron has '24' for its hour: give 0 to 23"),
        ("* * 0 * *", "cron has '0' for its day-of-month"),
        ("* * * 13 *", "cron has '13' for its month: give 1 to 12 or JAN"),
        ("* * * * 8", "cron has '8' for its day-of-week: give 0 to 7"),
        ("*/0 * * * *", "cron has '*/0' for its minute"),
        ("5-1 * * * *", "cron has '5-1' for its minute"),
        ("-1 * * * *", "cron has '-1' for its minute"),
        ("1.5 * * * *", "cron has '1.5' for its minute"),
        ("٣ * * * *", "for its minute"),
        ("a\x00b * * * *", r"cron has 'a\x00b' for its minute"),
        ("0 0 31 2 *", "cron has '31' for its day-of-month: give 1 to 31, and a day that these"),
    ],
)
def test_a_bad_expression_is_refused_with_what_to_change(cron: str, message: str) -> None:
    with pytest.raises(InvalidRequest, match=re.escape(message)):
        parse_cron(cron, "UTC")


def test_a_day_that_never_comes_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="does not come within 50 years"):
        parse_cron("0 0 */30 2 MON#5", "UTC").next_after(0)


@given(st.lists(CRON_WORDS, min_size=5, max_size=5).map(" ".join) | st.text())
def test_any_text_is_an_expression_or_is_refused_with_a_sentence(cron: str) -> None:
    try:
        expression = parse_cron(cron, "Europe/Berlin")
        assert expression.next_after(berlin("03-28", "01:00")) > berlin("03-28", "01:00")
    except InvalidRequest as refusal:
        assert re.fullmatch(r"cron .*\.", str(refusal), re.DOTALL)  # noqa: PT017


@pytest.mark.parametrize(
    "zone",
    [
        *("../../etc/passwd", "/etc/localtime", "localtime", "", "Berlin", "europe/berlin"),
        *("Europe", "Europe/Berlin\x00", "right/Europe/Berlin", "+01:00", "x" * 10_000, "\ud800"),
    ],
)
def test_an_unknown_time_zone_is_refused(zone: str) -> None:
    with pytest.raises(InvalidRequest, match="time_zone must be a name of the IANA"):
        parse_cron("* * * * *", zone)


def test_blanks_between_fields_do_not_matter() -> None:
    assert parse_cron(" 30\t7 *  * mon-fri\n", "UTC") == CronExpression(
        expression="30 7 * * mon-fri", time_zone="UTC"
    )
    assert list(FIELDS) == ["minute", "hour", "day-of-month", "month", "day-of-week"]


def test_each_run_has_a_job_id_of_its_own() -> None:
    every_minute = parse_cron("* * * * *", "UTC")
    first, second = (
        Schedule(
            id=name, cron=every_minute, submission=Submission(params=HealthCheck()), created_ms=0
        )
        for name in ("one", "other")
    )
    ids = [schedule.job_id(run) for schedule in (first, second) for run in (60_000, 120_000)]
    assert len(set(ids)) == 4
    assert all(is_job_id(job_id) for job_id in ids)
    assert first.job_id(60_000) == ids[0] < first.job_id(120_000)
