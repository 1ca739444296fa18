"""What a line of the log holds, and what it never shows."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import structlog
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from structlog.testing import capture_logs

from tasks.logs import LineFields, OutageLog, configure_logging, trace_of
from tasks.settings import Settings

KEY = "an-unlikely-key"


class Screen(io.StringIO):
    """A terminal, or none."""

    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


def breaking(settings: Settings) -> None:
    raise ValueError("A mistake of ours.")


@contextmanager
def logging_to(screen: Screen, level: str = "INFO", **levels: str) -> Iterator[None]:
    """The logs of this process go to the screen; afterwards to where they went before. A `_` in the
    name of a logger is a dot."""
    own = {name.replace("_", "."): each for name, each in levels.items()}
    before: dict[str, Any] = structlog.get_config()
    root, handlers = logging.getLogger(), logging.getLogger().handlers[:]
    root.handlers[:] = []
    try:
        configure_logging(level, screen, own)
        yield
    finally:
        for name in own:
            logging.getLogger(name).setLevel(logging.NOTSET)
        root.handlers[:] = handlers
        structlog.configure(**before)


def lines(*calls: Callable[[], object], level: str = "INFO") -> list[dict[str, Any]]:
    """What these calls log, away from a terminal."""
    screen = Screen(terminal=False)
    with logging_to(screen, level):
        for call in calls:
            call()
    return [json.loads(line) for line in screen.getvalue().splitlines()]


@pytest.mark.parametrize("terminal", [True, False])
def test_a_traceback_shows_no_keys(terminal: bool) -> None:
    screen = Screen(terminal)
    with logging_to(screen):
        try:
            breaking(Settings(newsapi_key=KEY, redis_url=f"redis://:{KEY}@redis.example"))
        except ValueError:
            structlog.get_logger().exception("something broke")
    assert "A mistake of ours." in screen.getvalue()
    assert KEY not in screen.getvalue()


def test_a_line_is_one_json_object() -> None:
    [line] = lines(lambda: structlog.get_logger().info("step ended", seconds=0.5, reason=None))
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "step ended", "level": "info", "seconds": 0.5, "reason": None}


def test_what_libraries_log_has_the_same_form() -> None:
    [line] = lines(lambda: logging.getLogger("library").warning("it is %s", "late"))
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "it is late", "level": "warning", "logger": "library"}


@pytest.mark.parametrize(
    "value", ["half of a pair: \ud800", b"\xff", 2**80, {1: "one"}, object(), float("nan")]
)
def test_any_value_can_be_logged(value: object) -> None:
    [line] = lines(lambda: structlog.get_logger().info("odd", value=value))
    assert line["event"] == "odd"


def test_a_line_below_the_level_is_not_written() -> None:
    log = structlog.get_logger()
    assert [
        line["event"]
        for line in lines(lambda: log.info("quiet"), lambda: log.warning("loud"), level="WARNING")
    ] == ["loud"]


def test_a_line_inside_a_span_has_its_ids() -> None:
    tracer = TracerProvider().get_tracer("test")

    def inside() -> None:
        with tracer.start_as_current_span("process discover") as span:
            context = span.get_span_context()
            expected.update(
                trace_id=trace.format_trace_id(context.trace_id),
                span_id=trace.format_span_id(context.span_id),
            )
            structlog.get_logger().info("inside")

    expected: dict[str, str] = {}
    within, outside = lines(inside, lambda: structlog.get_logger().info("outside"))
    assert within.items() >= expected.items() > set()
    assert "trace_id" not in outside


def test_a_body_adds_its_fields_to_its_lines_only() -> None:
    log = structlog.get_logger()

    def write() -> None:
        with LineFields(job_id="j", step="rank"):
            with LineFields(step="discover", attempt=2):
                log.info("inner", attempt=3)
            log.info("outer")
        log.info("outside")

    inner, outer, outside = lines(write)
    assert (inner["job_id"], inner["step"], inner["attempt"]) == ("j", "discover", 3)
    assert (outer["job_id"], outer["step"], "attempt" in outer) == ("j", "rank", False)
    assert "job_id" not in outside


def test_a_job_gives_its_trace_id_where_no_span_is_made() -> None:
    traceparent = f"00-{'a' * 32}-{'b' * 16}-01"
    assert trace_of(traceparent) == {"trace_id": "a" * 32}
    assert trace_of(None) == {}


@pytest.mark.parametrize("terminal", [False, True])
def test_secrets_in_urls_are_not_logged(terminal: bool) -> None:
    screen = Screen(terminal)
    with logging_to(screen):
        structlog.get_logger().info("fetched", url="https://me:hush@a.example/?token=hush")
        logging.getLogger("library").warning("cannot get %s", "https://a.example/?token=hush")
    assert screen.getvalue().count("a.example") == 2
    assert "hush" not in screen.getvalue()


def test_an_outage_is_reported_at_growing_intervals() -> None:
    now = [100.0]
    outage = OutageLog("away", "back", {"ledger": "here"}, clock=lambda: now[0])
    with capture_logs() as logs:
        for _ in range(3600):
            outage.lasts("refused")
            now[0] += 1
    assert [line["lasted_seconds"] for line in logs] == [
        *(0, 10, 20, 40, 80, 160, 320, 640),
        *range(1240, 3600, 600),
    ]
    assert {(line["ledger"], line["cause"]) for line in logs} == {("here", "refused")}


def test_another_cause_and_the_end_of_an_outage_are_reported_at_once() -> None:
    now = [100.0]
    outage = OutageLog("away", "back", clock=lambda: now[0])
    with capture_logs() as logs:
        outage.ends()
        for cause in ("refused", "loading", "refused", "loading"):
            outage.lasts(cause)
            now[0] += 1
        outage.ends()
        outage.ends()
        outage.lasts("refused")
    assert [(line["event"], line.get("cause")) for line in logs] == [
        ("away", "refused"),
        ("away", "loading"),
        ("back", None),
        ("away", "refused"),
    ]


def test_single_loggers_have_their_own_level() -> None:
    screen = Screen(terminal=False)
    with logging_to(screen, "INFO", tasks_fetch="DEBUG", tasks_fetch_robots="ERROR", lib="INFO"):
        for name in ("tasks.fetch.client", "tasks.fetch.robots", "tasks.worker", "tasks.fetcher"):
            structlog.get_logger(name).debug("debug")
            structlog.get_logger(name).info("info")
            structlog.get_logger(name).error("error")
        logging.getLogger("lib.part").info("of a library")
        logging.getLogger("another").info("of another library")
    written = [json.loads(line) for line in screen.getvalue().splitlines()]
    assert [(line["logger"], line["event"]) for line in written] == [
        ("tasks.fetch.client", "debug"),
        ("tasks.fetch.client", "info"),
        ("tasks.fetch.client", "error"),
        ("tasks.fetch.robots", "error"),
        ("tasks.worker", "info"),
        ("tasks.worker", "error"),
        ("tasks.fetcher", "info"),
        ("tasks.fetcher", "error"),
        ("lib.part", "of a library"),
    ]
