"""What the logs never show."""

from __future__ import annotations

import io
from typing import Any

import pytest
import structlog

from tasks.logs import configure_logging
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


@pytest.mark.parametrize("terminal", [True, False])
def test_a_traceback_shows_no_keys(terminal: bool) -> None:
    screen = Screen(terminal)
    before: dict[str, Any] = structlog.get_config()
    try:
        configure_logging("INFO", screen)
        try:
            breaking(Settings(newsapi_key=KEY, redis_url=f"redis://:{KEY}@redis.example"))
        except ValueError:
            structlog.get_logger().exception("something broke")
    finally:
        structlog.configure(**before)
    assert "A mistake of ours." in screen.getvalue()
    assert KEY not in screen.getvalue()
