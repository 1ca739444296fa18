"""A real Prometheus scrapes web and two workers: all panels have data, and no alert fires."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tasks.jobs.queue import Queue
from tasks.settings import Settings
from tests.infra.test_grafana import DASHBOARDS, expressions
from tests.scraped_system import answer, load, scraped_system
from tests.waiting import wait_until

WINDOW = "2m"
"""Of rates: it holds the whole test."""

pytestmark = pytest.mark.skipif(shutil.which("prometheus") is None, reason="needs prometheus")


async def test_every_panel_has_data_and_no_alert_fires(
    settings: Settings, queue: Queue, tmp_path: Path
) -> None:
    async with scraped_system(settings, queue, tmp_path) as system:
        client = system.prometheus
        await load(system.url, queue)
        wanted = {it for board in DASHBOARDS.values() for it in expressions(board, WINDOW)}
        empty = set(wanted)

        async def all_have_data() -> bool:
            nonlocal empty
            empty = {it for it in empty if not await answer(client, it)}
            return not empty

        try:
            await wait_until(all_have_data, "data in every panel", timeout=60)
        finally:
            assert not empty
        assert await answer(client, 'ALERTS{alertstate="firing"}') == []
        rules = (await client.get("/rules")).json()["data"]["groups"][0]["rules"]
        assert {rule["health"] for rule in rules} == {"ok"}
