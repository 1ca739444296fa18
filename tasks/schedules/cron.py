"""Cron expressions in a time zone, as moments in ms since the epoch.

As cron has it when the clocks change. A fixed time, like `30 2 * * *`, is run once on every day: at
the moment of the change if it does not exist that day, and the first time if it comes twice. An
expression whose minute or hour begins with a star is taken by the letter: an hour that does not
exist has no run, one that comes twice has its runs twice.
"""

from __future__ import annotations

import datetime as dt
import functools
import zoneinfo

from cronsim import CronSim, CronSimError
from msgspec import Struct

from tasks.errors import InvalidRequest

CRON_LENGTH = 100
FIELDS = {
    "minute": "0 to 59",
    "hour": "0 to 23",
    "day-of-month": "1 to 31, and a day that these months have",
    "month": "1 to 12 or JAN to DEC",
    "day-of-week": "0 to 7 or SUN to SAT",
}
"""The fields of an expression, in their order, with what they may hold."""

OF_THE_HOST = frozenset({"localtime", "Factory"})
"""Names that stand for another zone on every host, or for none."""


class Timetable(Struct, frozen=True, kw_only=True):
    """When something is to happen, again and again. Made by `read_timetable`."""

    cron: str
    """Five fields, separated by single spaces."""
    time_zone: str
    """A name of the IANA database."""

    def next_after(self, ms: int) -> int:
        """The first moment after this one.

        Raises InvalidRequest if there is none within 50 years.
        """
        start = dt.datetime.fromtimestamp(ms / 1000, zoneinfo.ZoneInfo(self.time_zone))
        # Within an hour that comes again, cronsim takes the start for its first coming, and so
        # gives moments that are over.
        for moment in CronSim(self.cron, start):
            found = round(moment.timestamp() * 1000)
            if found > ms:
                return found
        raise InvalidRequest("cron names a day that does not come within 50 years.")

    def latest(self, first_ms: int, until_ms: int) -> int:
        """The last moment from `first_ms`, which is one itself, to `until_ms`.

        By bisection: the minutes of a year are too many to pass through.
        """
        latest, beyond = first_ms, until_ms
        while latest < beyond:
            middle = (latest + beyond) // 2
            found = self.next_after(middle)
            if found <= until_ms:
                latest = found
            else:
                beyond = middle
        return latest


def read_timetable(cron: str, time_zone: str) -> Timetable:
    """Raises InvalidRequest with what to change."""
    if len(cron) > CRON_LENGTH:
        raise InvalidRequest(f"cron has {len(cron)} characters; it may have {CRON_LENGTH}.")
    fields = cron.split()
    if len(fields) != len(FIELDS):
        raise InvalidRequest(
            f"cron must have 5 fields ({', '.join(FIELDS)}), like `30 7 * * 1-5`; "
            f"this has {len(fields)}."
        )
    if time_zone not in _time_zones():
        raise InvalidRequest(
            "time_zone must be a name of the IANA time zone database, like Europe/Berlin or UTC."
        )
    timetable = Timetable(cron=" ".join(fields), time_zone=time_zone)
    _check_fields(timetable.cron)
    return timetable


def _check_fields(cron: str) -> None:
    try:
        CronSim(cron, dt.datetime.now(dt.UTC))
    except CronSimError as error:
        name = str(error).removeprefix("Bad ")
        given = dict(zip(FIELDS, cron.split(), strict=True))[name]
        raise InvalidRequest(
            f"cron has {given!r} for its {name}: give {FIELDS[name]}, as numbers, "
            "ranges (1-5), lists (1,3), steps (*/2) or *."
        ) from error


@functools.cache
def _time_zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones()) - OF_THE_HOST
