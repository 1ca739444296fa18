"""Dates are read as pages and feeds write them, in many languages, and never slowly."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp.dates import parse_date

MACHINE_WRITTEN = [
    ("2025-06-03T09:30:00+02:00", "2025-06-03T07:30"),
    ("2025-6-3T9:30:00Z", "2025-06-03T09:30"),
    ("20250603T093000Z", "2025-06-03T09:30"),
    ("20250603093000", "2025-06-03T09:30"),
    ("1748943000", "2025-06-03T09:30"),
    ("1748943000123", "2025-06-03T09:30"),
    ("2025/06/03 09:30:00", "2025-06-03T09:30"),
    ("Tue, 03 Jun 2025 09:30:00 -0430", "2025-06-03T14:00"),
    ("Tue, 3 Jun 25 09:30:00 GMT", "2025-06-03T09:30"),
    ("Tue Jun 03 2025 09:30:00 GMT+0200 (Central European Summer Time)", "2025-06-03T07:30"),
    ("Tue Jun  3 09:30:00 UTC 2025", "2025-06-03T09:30"),
    ("Tue, 03 Jun 2025 09:30:00 MESZ", "2025-06-03T07:30"),
    ("Tue, 03 Jun 2025 09:30:00 KST", "2025-06-03T00:30"),
    ("Tue, 3 Jun 2025 9:30 PM PDT", "2025-06-04T04:30"),
    ("Tue, 03 Jun 2025 21:30:00 Asia/Tokyo", "2025-06-03T12:30"),
    ("Tue, 03 Jun 2025 21:30:00 America/Argentina", "2025-06-03T21:30"),
    ("03-JUN-25", "2025-06-03"),
]

SHOWN = [
    ("June 3rd, 2025 at 12:05 am", "2025-06-03T00:05"),
    ("3rd of June 2025", "2025-06-03"),
    ("Jun. 3, 2025 9:30 p.m. ET", "2025-06-04T01:30"),
    ("Dienstag, 3. Juni 2025, 9:30 Uhr", "2025-06-03T09:30"),
    ("mar. 3 juin 2025 à 9h30", "2025-06-03T09:30"),
    ("di, 03 mrt 2025 09:30:00 +0000", "2025-03-03T09:30"),
    ("3 de junio de 2025", "2025-06-03"),
    ("3 giugno 2025", "2025-06-03"),
    ("3 czerwca 2025", "2025-06-03"),
    ("3 июня 2025 г., 09:30", "2025-06-03T09:30"),
    ("2025. június 3.", "2025-06-03"),
    ("3. 6. 2025", "2025-06-03"),
    ("03.06.2025", "2025-06-03"),
    ("3 Haziran 2025 Salı", "2025-06-03"),
    ("3 Ιουνίου 2025", "2025-06-03"),
    ("٣ يونيو ٢٠٢٥", "2025-06-03"),
    ("3 كانون الثاني 2025", "2025-01-03"),
    ("3 जून 2025", "2025-06-03"),
    ("3 มิ.ย. 2568", "2025-06-03"),
    ("ngày 3 tháng 6 năm 2025", "2025-06-03"),
    ("2025年6月3日（火）9時30分", "2025-06-03T09:30"),
    ("令和7年6月3日", "2025-06-03"),
    ("2025年6月3日 下午3:20", "2025-06-03T15:20"),
    ("2025년 6월 3일 오후 3:20", "2025-06-03T15:20"),
    ("2025-06-03 09:30 | Updated 2025-06-05 10:00", "2025-06-03T09:30"),
]

NO_DATES = [
    "", "June 3", "9:30", "two hours ago", "page 12 of 2025", "31 February 2025", "2025", "9" * 120,
    "0000-00-00T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "1/2/3/4/5",
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), [*MACHINE_WRITTEN, *SHOWN])
def test_a_date_is_read(text: str, expected: str) -> None:
    parsed = parse_date(text)
    assert parsed is not None
    assert parsed.time.replace(second=0) == dt.datetime.fromisoformat(expected).replace(
        tzinfo=dt.UTC
    )
    assert parsed.has_time == ("T" in expected)
    assert not parsed.is_guess


@pytest.mark.parametrize("text", NO_DATES)
def test_what_names_no_day_is_no_date(text: str) -> None:
    assert parse_date(text) is None


@pytest.mark.parametrize(
    ("text", "language", "day", "is_guess"),
    [
        ("Sat, 11 04 2020 08:51:49 +0100", None, "2020-04-11", False),
        ("3/6/2025", "en-GB", "2025-06-03", False),
        ("3/6/2025", "fr", "2025-06-03", False),
        ("3/6/2025", "en-US", "2025-03-06", False),
        ("3/6/2025", "en", "2025-03-06", True),
        ("3/6/2025", None, "2025-03-06", True),
        ("23/6/2025", None, "2025-06-23", False),
        ("June 2025", None, "2025-06-01", True),
        ("2025-06", None, "2025-06-01", True),
        ("3. listopad 2025", "cs", "2025-11-03", False),
        ("3. listopad 2025", "hr", "2025-10-03", False),
    ],
)
def test_a_date_with_two_meanings_is_a_guess(
    text: str, language: str | None, day: str, is_guess: bool
) -> None:
    parsed = parse_date(text, language)
    assert parsed is not None
    assert parsed.time.date() == dt.date.fromisoformat(day)
    assert parsed.is_guess == is_guess


def test_a_zone_is_told_from_none() -> None:
    zones = ("2025-06-03T09:30", "2025-06-03T09:30Z", "3 June 2025 09:30 CET", "3 June 2025 09:30")
    parsed = [parse_date(text) for text in zones]
    assert [date is not None and date.has_zone for date in parsed] == [False, True, True, False]


@given(st.text(max_size=200) | st.text(alphabet="0123456789:/.-+ TZaJunMay年月日", max_size=200))
def test_no_text_makes_it_raise(text: str) -> None:
    parsed = parse_date(text)
    assert parsed is None or parsed.time.utcoffset() == dt.timedelta(0)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("piece", ["9", "1 ", "1/", "12:", "May ", "1 May ", "tháng 1 ", "a.", "é"])
def test_a_long_text_is_read_no_further_than_a_date_is_long(piece: str) -> None:
    for _ in range(100):
        parse_date(piece * 1_000_000)
