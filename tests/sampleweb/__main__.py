"""`python -m tests.sampleweb`: prints the proxy's address, runs until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys

from tests.sampleweb.server import SampleWeb


async def _run(port: int, latency_seconds: float) -> None:
    asked_to_stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked_to_stop.set)
    web = SampleWeb(latency_seconds=latency_seconds)
    await web.start(port)
    sys.stdout.write(f"{web.proxy_url}\n")
    sys.stdout.flush()
    await asked_to_stop.wait()
    await web.stop()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.sampleweb", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes a free one")
    parser.add_argument(
        "--latency", type=float, default=0.0, help="seconds before each answer, 0 by default"
    )
    options = parser.parse_args()
    asyncio.run(_run(options.port, options.latency))


if __name__ == "__main__":
    main()
