"""Logging: constant messages with data in fields, as readable lines or as JSON."""

from __future__ import annotations

import functools
import json
import logging
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from functools import partial
from types import MappingProxyType
from typing import Any, TextIO

import msgspec
import structlog
from opentelemetry import trace
from structlog.typing import EventDict, Processor

from tasks.redaction import text_without_secrets

log = structlog.get_logger(__name__)

_line_fields: ContextVar[Mapping[str, object]] = ContextVar(
    "line_fields", default=MappingProxyType({})
)

FIRST_REPEAT_SECONDS = 10.0
LAST_REPEAT_SECONDS = 600.0
"""An outage is reported again after 10 s, and then whenever it has lasted twice as long, at least
every 10 minutes."""


class NamedLogger(structlog.PrintLogger):
    """Prints lines, and knows the module that writes them."""

    def __init__(self, stream: TextIO, name: str = "") -> None:
        super().__init__(stream)
        self.name = name


def configure_logging(
    level: str,
    stream: TextIO | None = None,
    levels: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Sends all logs to the stream, stderr by default: coloured on a terminal, JSON elsewhere.

    `levels`: of single loggers and of those below them, in place of `level`; by their names, which
    are those of modules. A line that is written inside a span has the ids of its trace and of the
    span.
    """
    stream = stream or sys.stderr
    numbers = logging.getLevelNamesMapping()
    own = {name: numbers[each] for name, each in levels.items()}
    least = min([numbers[level], *own.values()])
    described: Sequence[Processor] = (
        add_fields,
        add_ids,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    )
    rendered = _rendering(stream.isatty())
    filters = [_filter_by_name(numbers[level], own)] if own else []
    structlog.configure(
        processors=[*filters, add_logger_name, *described, *rendered],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=partial(NamedLogger, stream),
        cache_logger_on_first_use=True,
    )
    # Libraries log at INFO for their own developers; Taskiq does for every message.
    logging.basicConfig(
        level=logging.WARNING, handlers=[_of_libraries(stream, described, rendered)]
    )
    for name, number in own.items():
        logging.getLogger(name).setLevel(number)


def add_logger_name(logger: Any, _method: str, event: EventDict) -> EventDict:
    """A processor: the module that writes the line."""
    if name := getattr(logger, "name", ""):
        event["logger"] = name
    return event


def _filter_by_name(level: int, levels: Mapping[str, int]) -> Processor:
    """A processor that drops lines below the level of their logger: its own, or that of the nearest
    one above it, or `level`."""
    numbers = logging.getLevelNamesMapping()

    @functools.cache
    def least(name: str) -> int:
        while name:
            if name in levels:
                return levels[name]
            name = name.rpartition(".")[0]
        return level

    def drop(logger: Any, method: str, event: EventDict) -> EventDict:
        written = numbers["ERROR" if method == "exception" else method.upper()]
        if written < least(getattr(logger, "name", "")):
            raise structlog.DropEvent
        return event

    return drop


class LineFields:
    """Fields of every line that is written in the body: `with LineFields(job_id=…):`.

    One context variable for all: structlog has one for each field, which took 5 us of the 120 us
    that a step costs a worker.
    """

    __slots__ = ("_fields", "_token")

    def __init__(self, **fields: object) -> None:
        self._fields = fields

    def __enter__(self) -> None:
        outer = _line_fields.get()
        self._token = _line_fields.set({**outer, **self._fields} if outer else self._fields)

    def __exit__(self, *_: object) -> None:
        _line_fields.reset(self._token)


def add_fields(_logger: object, _method: str, event: EventDict) -> EventDict:
    """A processor: the fields of the body that writes the line."""
    return {**_line_fields.get(), **event}


def trace_of(traceparent: str | None) -> dict[str, str]:
    """The field with the trace id, for lines about a job outside any span of its trace."""
    return {"trace_id": traceparent.split("-")[1]} if traceparent else {}


class OutageLog:
    """Writes one line when an outage begins, at growing intervals while it lasts, and at its end.

    A cause that is new to the outage is written at once.
    """

    def __init__(
        self,
        begun: str,
        ended: str,
        fields: Mapping[str, object] = MappingProxyType({}),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """The two messages, and the fields of every line."""
        self._begun, self._ended = begun, ended
        self._fields = fields
        self._clock = clock
        self._since = 0.0
        self._next = 0.0
        self._causes: set[str] = set()
        """Empty while there is no outage."""

    def lasts(self, cause: str, **fields: object) -> None:
        """Something failed, for this cause."""
        now = self._clock()
        if not self._causes:
            self._since = now
        if cause in self._causes and now < self._next:
            return
        self._causes.add(cause)
        lasted = now - self._since
        self._next = now + min(max(lasted, FIRST_REPEAT_SECONDS), LAST_REPEAT_SECONDS)
        log.error(self._begun, **self._fields, cause=cause, **fields, lasted_seconds=round(lasted))

    def ends(self) -> None:
        """Something succeeded."""
        if self._causes:
            self._causes.clear()
            lasted = self._clock() - self._since
            log.warning(self._ended, **self._fields, lasted_seconds=round(lasted, 1))


def _of_libraries(
    stream: TextIO, described: Sequence[Processor], rendered: Sequence[Processor]
) -> logging.Handler:
    """Writes what libraries log in the same form as our own lines."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*described, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendered],
        )
    )
    return handler


def add_ids(_logger: object, _method: str, event: EventDict) -> EventDict:
    """A processor: the ids of the current span and its trace."""
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = trace.format_trace_id(context.trace_id)
        event["span_id"] = trace.format_span_id(context.span_id)
    return event


def _hide_secrets(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Of the URLs in the texts of the line: sites put keys and tokens into them."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = text_without_secrets(value)
    return event


def _rendering(terminal: bool) -> list[Processor]:
    if terminal:
        # structlog's default traceback shows the variables of each frame. With the settings among
        # them, it would print every key and password.
        plain = structlog.dev.plain_traceback
        return [_hide_secrets, structlog.dev.ConsoleRenderer(exception_formatter=plain)]
    return [
        structlog.processors.format_exc_info,
        _hide_secrets,
        structlog.processors.JSONRenderer(_json),
    ]


def _json(event: EventDict, **options: Any) -> str:
    try:
        return msgspec.json.encode(event, enc_hook=repr).decode()
    except (TypeError, ValueError):  # text that is no UTF-8, such as half of a surrogate pair
        return json.dumps(event, **options)
