"""Dates as pages, feeds and headers write them, in the languages that news come in.

By patterns, each linear in a text whose length is bounded: dateparser (whose names of months these
are) tries one language after the other, which took 1.5 s for one sentence that names no date.
"""

from __future__ import annotations

import datetime as dt
import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

from msgspec import Struct

from nlp.text.words import MARKS

DATA = Path(__file__).parent / "data" / "months.toml"

MAX_DATE_CHARS = 120
"""Read of a text; "Wednesday, 23 September 2020 at 15:42:33 America/Los_Angeles" has 64."""

EARLIEST_YEAR = 1990
LATEST_YEAR = 2100
"""A date outside these years is a mistake of the page."""

BUDDHIST_ERA = 543
"""Years that Thailand counts more."""

MAX_DAY = 31
TWO_DIGITS = 70
"""A year of two digits below this is one of this century."""

_ENGLISH = ("dec", "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov")
_ERAS = {"平成": 1988, "令和": 2018}

MAX_OFFSET_MINUTES = 15 * 60
"""No place is further from Greenwich; four digits behind a sign may also be a year."""

_HOURS: Mapping[str, float] = {
    "z": 0, "gmt": 0, "utc": 0, "ut": 0, "wet": 0, "bst": 1, "west": 1, "cet": 1, "met": 1,
    "mez": 1, "cest": 2, "mest": 2, "mesz": 2, "eet": 2, "cat": 2, "sast": 2, "eest": 3, "msk": 3,
    "eat": 3, "trt": 3, "gst": 4, "pkt": 5, "ist": 5.5, "ict": 7, "wib": 7, "hkt": 8, "sgt": 8,
    "awst": 8,
    "jst": 9, "kst": 9, "aest": 10, "aedt": 11, "nzst": 12, "nzdt": 13, "art": -3, "brt": -3,
    "adt": -3, "ast": -4, "edt": -4, "est": -5, "cdt": -5, "cst": -6, "mdt": -6, "mst": -7,
    "pdt": -7, "pst": -8, "akdt": -8, "akst": -9, "hst": -10,
}  # fmt: skip
"""Abbreviations of time zones, as hours east of Greenwich. Some mean several zones: "CST" is taken
as in America, "IST" as in India, "BST" as in Britain."""

_PLACES = {
    "et": "America/New_York", "ct": "America/Chicago", "mt": "America/Denver",
    "pt": "America/Los_Angeles",
}  # fmt: skip

_TIME = re.compile(
    r"""(?P<before>上午|下午|午前|午後|오전|오후)?\s?
        (?<![\d.,])(?P<hour>[0-2]?\d)
        (?:\s?(?::|[時时點点시]|h(?=\s?\d\d\b))\s?(?P<minute>[0-5]?\d)?\s?[分분]?
           (?::(?P<second>[0-5]\d)(?:[.,]\d{1,9})?)?(?!\d)
           \s?(?P<half>[ap]\.?\s?m\b\.?)?
        |\s?(?P<only_half>[ap]\.?m\b\.?))""",
    re.VERBOSE | re.IGNORECASE,
)
_OFFSET = re.compile(
    r"[\s(]{0,3}(?:(?:GMT|UTC)\s?([+−-]\d{1,2})|([+−-]\d\d)):?(\d\d)?(?!\d)", re.IGNORECASE
)
_PLACE = re.compile(r"\b[A-Z][A-Za-z]+/[A-Z][A-Za-z_]+(?:/[A-Z][A-Za-z_]+)?\b")
_ZONE = re.compile(r"\b[A-Za-z]{1,4}\b")

_YEAR_FIRST = re.compile(
    r"(?<!\d)(\d{4})\s?[-/.年년]\s?(\d{1,2})(?:\s?[-/.月월]\s?(\d{1,2})(?!\d)|\s?[月월]|(?![\d.]))"
)
_ERA_FIRST = re.compile(r"(平成|令和)\s?(\d{1,2}|元)年\s?(\d{1,2})月\s?(\d{1,2})日")
_YEAR_LAST = re.compile(r"(?<!\d)(\d{1,2})\s?([-/.])\s?(\d{1,2})\s?\2\s?(\d{4}|\d{2})(?!\d)")
_SPACED = re.compile(r"(?<!\d)(\d{1,2}) (\d{1,2}) ((?:19|20)\d\d)(?!\d)")
_DIGITS = re.compile(r"(?<!\d)(20\d\d|199\d)([01]\d)([0-3]\d)(?!\d)")
_DIGITS_AND_TIME = re.compile(r"((?:20\d\d|199\d)[01]\d[0-3]\d)([0-2]\d[0-5]\d(?:[0-5]\d)?)")
_TIMESTAMP = re.compile(r"(1\d{9})(?:\d{3})?")
_NUMBERED_MONTH = re.compile(r"\btháng\s(\d{1,2})\b")
_INNER_STOP = re.compile(r"(?<=\D)\.(?=[^\W\d])")  # พ.ค.
_TOKEN = re.compile(rf"\d+|[^\W\d](?:[^\W\d]|[{MARKS}])*")


class ParsedDate(Struct, frozen=True, kw_only=True):
    """A date as it was read."""

    time: dt.datetime
    """Aware, in UTC; the beginning of the day where no time of day is given."""
    has_time: bool = False
    has_zone: bool = False
    """Without one, the time is read as UTC."""
    is_guess: bool = False
    """Whether the text could also mean another day."""


def parse_date(text: str, language: str | None = None) -> ParsedDate | None:
    """The date that `text` begins with or consists of, or None; raises nothing, for any text.

    `language` is a tag such as "en-US". It tells 3/5 from 5/3: month first in the United States,
    day first elsewhere, and for English without a country month first as a guess.
    """
    text = unicodedata.normalize("NFKC", text[:MAX_DATE_CHARS]).strip()
    exact = _iso(text)
    if exact is not None:
        return _plausible(exact)
    rest, time, zone = _without_time(text)
    day, is_guess = _day(rest, (language or "").lower().replace("_", "-"))
    if day is None:
        return None
    moment = dt.datetime.combine(day, time or dt.time(), tzinfo=zone or dt.UTC)
    parsed = ParsedDate(
        time=moment,
        has_time=time is not None,
        has_zone=time is not None and zone is not None,
        is_guess=is_guess,
    )
    return _plausible(parsed)


def is_month(word: str) -> bool:
    """Whether `word` is the name of a month in one of the languages."""
    return _folded(word).rstrip(".,") in _months("all")


def _plausible(parsed: ParsedDate) -> ParsedDate | None:
    try:
        time = parsed.time.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        return None
    if not EARLIEST_YEAR <= time.year <= LATEST_YEAR:
        return None
    return ParsedDate(
        time=time,
        has_time=parsed.has_time,
        has_zone=parsed.has_zone,
        is_guess=parsed.is_guess,
    )


def _iso(text: str) -> ParsedDate | None:
    """`text` as ISO 8601 or as seconds since 1970."""
    if match_ := _TIMESTAMP.fullmatch(text):
        time = dt.datetime.fromtimestamp(int(match_.group(1)), dt.UTC)
        return ParsedDate(time=time, has_time=True, has_zone=True)
    if match_ := _DIGITS_AND_TIME.fullmatch(text):
        text = f"{match_[1]}T{match_[2]}"
    try:
        time = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    has_zone = time.tzinfo is not None
    if not has_zone:
        time = time.replace(tzinfo=dt.UTC)
    return ParsedDate(time=time, has_time=len(text) > len("2024-05-03"), has_zone=has_zone)


# The time of day


def _without_time(text: str) -> tuple[str, dt.time | None, dt.tzinfo | None]:
    """`text` with its time of day and offset blanked, and these."""
    match_ = _TIME.search(text)
    if match_ is None:
        return text, None, None
    time = _time(match_)
    before, after = text[: match_.start()], text[match_.end() :]
    if time is None:
        return f"{before} {after}", None, None
    zone, after = _zone(after)
    return f"{before} {after}", time, zone


def _time(match_: re.Match[str]) -> dt.time | None:
    hour = int(match_["hour"])
    half = (match_["half"] or match_["only_half"] or match_["before"] or "").lower()
    if half.startswith(("p", "下午", "午後", "오후")) and hour < 12:
        hour += 12
    elif half.startswith(("a", "上午", "午前", "오전")) and hour == 12:
        hour = 0
    try:
        return dt.time(hour, int(match_["minute"] or 0), int(match_["second"] or 0))
    except ValueError:
        return None


def _zone(after: str) -> tuple[dt.tzinfo | None, str]:
    """The time zone that follows a time of day, and what follows it."""
    if match_ := _OFFSET.match(after):
        hours = (match_[1] or match_[2]).replace("−", "-")
        minutes = 60 * int(hours[1:]) + min(59, int(match_[3] or 0))
        if minutes < MAX_OFFSET_MINUTES:
            offset = dt.timedelta(minutes=-minutes if hours[0] == "-" else minutes)
            return dt.timezone(offset), after[match_.end() :]
    if match_ := _PLACE.search(after):
        return _place(match_.group()), after
    for match_ in _ZONE.finditer(after):
        name = match_.group().lower()
        if name in _HOURS:
            return dt.timezone(dt.timedelta(hours=_HOURS[name])), after
        if name in _PLACES and match_.group().isupper():
            return _place(_PLACES[name]), after
    return None, after


@lru_cache(maxsize=256)
def _place(name: str) -> dt.tzinfo | None:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # OSError: "America/Argentina" is a folder
        return None


# The day


def _day(text: str, language: str) -> tuple[dt.date | None, bool]:
    """The first day that `text` names, and whether it is a guess."""
    if match_ := _ERA_FIRST.search(text):
        year = 1 if match_[2] == "元" else int(match_[2])
        return _date(_ERAS[match_[1]] + year, int(match_[3]), int(match_[4])), False
    if match_ := _YEAR_FIRST.search(text):
        return _date(int(match_[1]), int(match_[2]), int(match_[3] or 1)), match_[3] is None
    if match_ := _YEAR_LAST.search(text):
        return _numeric(int(match_[1]), int(match_[3]), match_[4], match_[2], language)
    if match_ := _DIGITS.search(text):
        return _date(int(match_[1]), int(match_[2]), int(match_[3])), False
    day, is_guess = _named(text, language)
    if day is None and (match_ := _SPACED.search(text)):
        return _numeric(int(match_[1]), int(match_[2]), match_[3], ".", language)
    return day, is_guess


def _date(year: int, month: int, day: int) -> dt.date | None:
    if year > LATEST_YEAR:
        year -= BUDDHIST_ERA
    try:
        return dt.date(year, month, day)
    except ValueError:
        return None


def _numeric(
    first: int, second: int, year: str, separator: str, language: str
) -> tuple[dt.date | None, bool]:
    whole = int(year) if len(year) == 4 else 2000 + int(year)
    is_english = language in ("en", "en-us")
    month_first = is_english or (not language and separator != ".")
    if first > 12 or second > 12:
        month_first = second > 12
    is_certain = first == second or first > 12 or second > 12 or language not in ("", "en")
    is_certain = is_certain or (separator == "." and not is_english)
    month, day = (first, second) if month_first else (second, first)
    return _date(whole, month, day), not is_certain


def _named(text: str, language: str) -> tuple[dt.date | None, bool]:
    """The day whose month is written as a word, and whether it is a guess."""
    names = _months("hr" if language[:2] == "hr" else "all")
    tokens = _tokens(text)
    months = [(at, names[token]) for at, token in enumerate(tokens) if token in names]
    for order in (_day_month_year, _other_order):
        for at, month in months:
            if day := order(tokens, at, month):
                return day, False
    for at, month in months:
        years = [year for year in _numbers(tokens[at + 1 : at + 3]) if year >= EARLIEST_YEAR]
        if years and not _numbers(tokens[:at]) and (day := _date(years[0], month, 1)):
            return day, True
    return None, False


def _tokens(text: str) -> Sequence[str]:
    """The numbers and the case-folded words of `text`, a name of several words as one token."""
    folded = _folded(_INNER_STOP.sub("", text))
    folded = _NUMBERED_MONTH.sub(lambda match_: _ENGLISH[int(match_[1]) % 12], folded)
    return _TOKEN.findall(_multiword().sub(lambda match_: match_[0].replace(" ", "_"), folded))


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text.casefold())


def _numbers(tokens: Sequence[str]) -> list[int]:
    return [int(token) for token in tokens if token.isdecimal()]


def _day_month_year(tokens: Sequence[str], at: int, month: int) -> dt.date | None:
    """As in "3 de mayo de 2024" and in "3rd May 24", with the month at `at`."""
    days, years = _numbers(tokens[max(0, at - 3) : at]), _numbers(tokens[at + 1 : at + 3])
    return _day_of(years[0], month, days[-1]) if days and years else None


def _other_order(tokens: Sequence[str], at: int, month: int) -> dt.date | None:
    """As in "May 3rd, 2024", "2024. május 3." and "2024 жылғы 3 мамыр"."""
    before, after = _numbers(tokens[max(0, at - 4) : at]), _numbers(tokens[at + 1 : at + 5])
    orders = [(after[1:], after), (before[-1:], after), (before[-2:-1], before[-1:])]
    for years, days in orders:
        if years and days and years[0] > MAX_DAY and (day := _day_of(years[0], month, days[0])):
            return day
    return None


def _day_of(year: int, month: int, day: int) -> dt.date | None:
    whole = 2000 + year if year < TWO_DIGITS else year
    if not EARLIEST_YEAR <= whole <= LATEST_YEAR + BUDDHIST_ERA:
        return None
    return _date(whole, month, day)


@lru_cache(maxsize=2)
def _months(language: str) -> Mapping[str, int]:
    tables = tomllib.loads(DATA.read_text("utf-8"))
    names: dict[str, int] = {}
    for table in ("all", language):
        for month, words in tables[table].items():
            names.update(dict.fromkeys(_folded(words).split(), int(month)))
    return names


@lru_cache(maxsize=1)
def _multiword() -> re.Pattern[str]:
    names = [name.replace("_", " ") for name in _months("all") if "_" in name]
    return re.compile("|".join(map(re.escape, sorted(names, key=len, reverse=True))))
