"""What is killed, and how."""

from __future__ import annotations

import asyncio
import random
import signal

from tests.faults.campaign.journal import count_kills
from tests.faults.campaign.stage import Stage

WEIGHTS = {"worker": 35, "engine": 20, "web": 10, "valkey": 15, "connections": 20}
"""Of a hundred kills; none is possible at every moment."""

KINDS = tuple(WEIGHTS)


async def kill_at_random(stage: Stage, kills: int, interval: float, rng: random.Random) -> None:
    """Kills at random moments, `interval` seconds apart in the mean."""
    while count_kills(stage.folder) < kills:
        await asyncio.sleep(rng.expovariate(1 / interval))
        (kind,) = rng.choices(KINDS, [*WEIGHTS.values()])
        await _kill(stage, kind, rng)


async def _kill(stage: Stage, kind: str, rng: random.Random) -> None:
    """Does nothing where there is nothing of that kind to kill."""
    match kind:
        case "worker" | "engine":
            ready = stage.ready_workers()
            if not ready:
                return
            victim = rng.choice(ready)
            if kind == "engine":
                victim.send(signal.SIGUSR1)  # the worker records it
            else:
                (stage.folder / victim.name).unlink()
                stage.journal.write("killed", actor=victim.name, kind=kind)
                victim.send(signal.SIGKILL)
        case "web":
            if not stage.web.running:
                return
            stage.journal.write("killed", actor=stage.web.name, kind=kind)
            stage.web.send(signal.SIGKILL)
        case "valkey":
            stage.journal.write("killed", actor=kind, kind=kind)
            await asyncio.to_thread(stage.valkey.kill)
            await asyncio.sleep(rng.uniform(0, 1))
            await asyncio.to_thread(stage.valkey.start)
        case "connections":
            stage.journal.write("killed", actor="valkey", kind=kind)
            await asyncio.to_thread(stage.valkey.cut)
