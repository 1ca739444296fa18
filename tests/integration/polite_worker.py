"""A real worker whose fetches are real and whose engine needs no models: `python -m …`."""

from __future__ import annotations

import asyncio
import os

from tasks.logs import configure_logging
from tasks.settings import read_settings
from tasks.supervision import die_with_parent
from tasks.worker.worker import serve, shared_fetcher, stop_signals
from tests.fakes import FakeEngine


async def main() -> None:
    settings = read_settings(os.environ)
    configure_logging(settings.worker_log_level)
    with stop_signals() as (stop, now):
        async with shared_fetcher(settings) as fetcher:
            await serve(settings, FakeEngine(), fetcher, stop, now)


if __name__ == "__main__":
    die_with_parent()
    asyncio.run(main())
