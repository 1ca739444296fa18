"""Cron expressions in a time zone. Moments are in ms since the epoch.

When the clocks change, runs follow the rules of cron. A fixed time, like `30 2 * * *`, runs once on
every day: at the moment of the change if the time does not exist on that day, and at its first
occurrence if it comes twice. An expression whose minute or hour begins with a star is taken
literally: an hour that does not exist has no run, and one that comes twice has its runs twice.
"""

from __future__ import annotations

import datetime as dt
import functools
import zoneinfo

from cronsim import CronSim, CronSimError
from msgspec import Struct, field

from tasks.errors import InvalidRequest

MAX_CRON_LENGTH = 100

FIELDS = {
    "minute": "0 to 59",
    "hour": "0 to 23",
    "day-of-month": "1 to 31, and a day that these months have",
    "month": "1 to 12 or JAN to DEC",
    "day-of-week": "0 to 7 or SUN to SAT",
}
"""The fields of an expression in their order, with the values that each may have."""

HOST_DEPENDENT_ZONES = frozenset({"localtime", "Factory"})
"""Names that mean another zone on every host, or none."""


class CronExpression(Struct, frozen=True, kw_only=True):
    """When a schedule runs. Made by `parse_cron`."""

    expression: str = field(name="cron")
    """Five fields, separated by single spaces."""
    time_zone: str
    """A name of the IANA time zone database."""

    def next_after(self, ms: int) -> int:
        """The first run after this moment.

        Raises InvalidRequest if there is none within 50 years.
        """
        start = dt.datetime.fromtimestamp(ms / 1000, zoneinfo.ZoneInfo(self.time_zone))
        # In the second occurrence of a repeated hour, cronsim takes the start for the first
        # occurrence, and therefore yields moments that have passed.
        for moment in CronSim(self.expression, start):
            run_ms = round(moment.timestamp() * 1000)
            if run_ms > ms:
                return run_ms
        raise InvalidRequest("cron names a day that does not come within 50 years.")

    def latest(self, first_ms: int, until_ms: int) -> int:
        """The last run from `first_ms`, which is itself a run, to `until_ms`.

        It is found by bisection, since a year has too many minutes to step through.
        """
        latest, beyond = first_ms, until_ms
        while latest < beyond:
            middle = (latest + beyond) // 2
            run_ms = self.next_after(middle)
            if run_ms <= until_ms:
                latest = run_ms
            else:
                beyond = middle
        return latest


def parse_cron(cron: str, time_zone: str) -> CronExpression:
    """Raises InvalidRequest with what to change."""
    if len(cron) > MAX_CRON_LENGTH:
        raise InvalidRequest(f"cron has {len(cron)} characters; it may have {MAX_CRON_LENGTH}.")
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
    _check_fields(fields)
    return CronExpression(expression=" ".join(fields), time_zone=time_zone)


def _check_fields(fields: list[str]) -> None:
    try:
        CronSim(" ".join(fields), dt.datetime.now(dt.UTC))
    except CronSimError as error:
        name = str(error).removeprefix("Bad ")
        given = dict(zip(FIELDS, fields, strict=True))[name]
        raise InvalidRequest(
            f"cron has {given!r} for its {name}: give {FIELDS[name]}, as numbers, "
            "ranges (1-5), lists (1,3), steps (*/2) or *."
        ) from error


@functools.cache
def _time_zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones()) - HOST_DEPENDENT_ZONES
