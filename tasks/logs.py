"""Logging: constant messages with data in fields, as readable lines or as JSON."""

from __future__ import annotations

import logging
import sys
from typing import TextIO

import structlog


def configure_logging(level: str, stream: TextIO | None = None) -> None:
    """Sends all logs to the stream, stderr by default: coloured on a terminal, JSON elsewhere."""
    stream = stream or sys.stderr
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *_rendering(stream.isatty()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
    # Libraries log at INFO for their own developers; Taskiq does for every message.
    logging.basicConfig(level=logging.WARNING, stream=stream)


def _rendering(terminal: bool) -> list[structlog.typing.Processor]:
    if terminal:
        # structlog's default traceback shows the variables of each frame. With the settings among
        # them, it would print every key and password.
        plain = structlog.dev.plain_traceback
        return [structlog.dev.ConsoleRenderer(exception_formatter=plain)]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
