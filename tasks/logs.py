"""Logging: constant messages, with data in fields, as lines for people or as JSON for machines."""

from __future__ import annotations

import logging
import sys
from typing import TextIO

import structlog


def configure_logging(level: str, stream: TextIO | None = None) -> None:
    """Sends everything to stderr, or another stream: as JSON, or in colours to a terminal."""
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
    # Libraries log for their own developers at INFO, once for every message.
    logging.basicConfig(level=logging.WARNING, stream=stream)


def _rendering(terminal: bool) -> list[structlog.typing.Processor]:
    if terminal:
        # The traceback that structlog prefers shows the variables of each frame, and with the
        # settings among them every key and password.
        plain = structlog.dev.plain_traceback
        return [structlog.dev.ConsoleRenderer(exception_formatter=plain)]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
