"""Logging: constant messages with data in fields, as readable lines or as JSON."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Sequence
from typing import Any, TextIO

import msgspec
import structlog
from opentelemetry import trace
from structlog.typing import EventDict, Processor

from tasks.redaction import text_without_secrets


def configure_logging(level: str, stream: TextIO | None = None) -> None:
    """Sends all logs to the stream, stderr by default: coloured on a terminal, JSON elsewhere.

    A line that is written inside a span has the ids of its trace and of the span.
    """
    stream = stream or sys.stderr
    described: Sequence[Processor] = (
        structlog.contextvars.merge_contextvars,
        _add_ids,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    )
    rendered = _rendering(stream.isatty())
    structlog.configure(
        processors=[*described, *rendered],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
    # Libraries log at INFO for their own developers; Taskiq does for every message.
    logging.basicConfig(
        level=logging.WARNING, handlers=[_of_libraries(stream, described, rendered)]
    )


def trace_of(traceparent: str | None) -> dict[str, str]:
    """The field with the trace id, for lines about a job outside any span of its trace."""
    return {"trace_id": traceparent.split("-")[1]} if traceparent else {}


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


def _add_ids(_logger: object, _method: str, event: EventDict) -> EventDict:
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
