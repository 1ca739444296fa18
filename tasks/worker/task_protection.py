"""Asks Amazon ECS not to end this task while a step has been running in it for long.

An optimisation: whatever ends a worker, its steps are handed back or their leases expire, so a
refusal is logged and changes nothing. See "Amazon ECS task scale-in protection endpoint" in the
guide of Amazon ECS.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import httpx
import msgspec
import structlog
from msgspec import Struct

from tasks.logs import OutageLog
from tasks.worker.leases import HeldLeases

log = structlog.get_logger(__name__)

OLD_SECONDS = 30.0
"""A step that has run for this long is worth a longer life of its worker; others begin again."""

CHECK_SECONDS = 5.0
EXPIRES_MINUTES = 2
RENEW_SECONDS = 60.0
"""The protection of a worker that is killed ends by itself; that of a busy one is renewed before.
A deployment waits for it."""

TIMEOUT_SECONDS = 2.0
MAX_ANSWER_BYTES = 65_536


class Refusal(Struct, frozen=True, rename="pascal"):
    """Why ECS did not do it: an error has a code, a failure a reason."""

    code: str = ""
    reason: str = ""


class Answer(Struct, frozen=True):
    """Of the endpoint; one of the three is there."""

    protection: dict[str, object] | None = None
    failure: Refusal | None = None
    error: Refusal | None = None


class Refused(Exception):
    """ECS has answered, and not done it."""


class TaskProtection:
    """Has this task protected while one of the leases is old."""

    def __init__(
        self,
        leases: HeldLeases,
        agent_uri: str,
        client: httpx.AsyncClient,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`agent_uri`: ECS_AGENT_URI, which ECS sets."""
        self._leases = leases
        self._url = f"{agent_uri.rstrip('/')}/task-protection/v1/state"
        self._client = client
        self._clock = clock
        self._protected_at: float | None = None
        """When it was last asked for, and granted; None while it is not protected."""
        self._outage = OutageLog("the task cannot be protected", "the task can be protected again")

    async def run_forever(self) -> None:
        while True:
            await self.update()
            await asyncio.sleep(CHECK_SECONDS)

    async def update(self) -> None:
        """Asks for the protection, or gives it up, if that is due."""
        busy, at = self._leases.oldest_seconds() >= OLD_SECONDS, self._protected_at
        if busy and (at is None or self._clock() - at >= RENEW_SECONDS):
            if await self._ask({"ProtectionEnabled": True, "ExpiresInMinutes": EXPIRES_MINUTES}):
                self._protected_at = self._clock()
        elif at is not None and not busy and await self._ask({"ProtectionEnabled": False}):
            self._protected_at = None

    async def _ask(self, wanted: dict[str, object]) -> bool:
        """Whether it was done."""
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                answer = await self._put(wanted)
            if answer.protection is None:
                refusal = answer.error or answer.failure or Refusal(reason="no protection")
                raise Refused(refusal.code or refusal.reason)
        except (httpx.HTTPError, httpx.InvalidURL, msgspec.MsgspecError, OSError) as error:
            self._outage.lasts(cause=type(error).__name__)  # a TimeoutError is an OSError
            return False
        except (Refused, UnicodeDecodeError) as error:
            self._outage.lasts(cause=str(error)[:200])
            return False
        self._outage.ends()
        log.debug("the task's protection is changed", **wanted)
        return True

    async def _put(self, wanted: dict[str, object]) -> Answer:
        body = bytearray()
        async with self._client.stream("PUT", self._url, json=wanted) as response:
            async for part in response.aiter_raw():
                body += part
                if len(body) > MAX_ANSWER_BYTES:
                    raise Refused(f"an answer of more than {MAX_ANSWER_BYTES} bytes")
        return msgspec.json.decode(bytes(body), type=Answer)
