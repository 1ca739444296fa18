"""A real worker whose fetches are real and whose engine needs no models: `python -m …`."""

from __future__ import annotations

import asyncio
import os

from tasks.logs import configure_logging
from tasks.settings import read_settings
from tasks.worker.worker import serve, shared_fetcher, shutdown_by_signal
from tests.fakes import FakeEngine
from tests.processes import end_with_starter


async def main() -> None:
    settings = read_settings(os.environ)
    configure_logging(settings.worker_log_level)
    with shutdown_by_signal() as shutdown:
        async with shared_fetcher(settings) as fetcher:
            await serve(settings, FakeEngine(), fetcher, shutdown)


if __name__ == "__main__":
    end_with_starter()
    asyncio.run(main())
