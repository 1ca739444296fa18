"""Finds the node of a Redis cluster that has our keys, and follows when they move to another.

All keys of a ledger are in one slot, as their prefix has a hash tag. So a cluster is to us one
server that is now here and now there, and only a connection has to know that.

While a slot moves key by key, its node refuses keys that are not there any more. A script that has
changed some keys and is then refused one would leave a job in pieces. So each script declares one
key that never exists: Redis refuses it at its start, and the ledger is away until the slot has
moved.
"""

from __future__ import annotations

import re
from collections import deque
from typing import Any, ClassVar, NamedTuple

from redis.asyncio import Connection, SSLConnection
from redis.asyncio.connection import DefaultParser
from redis.crc import key_slot
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoPermissionError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

HASH_TAG = re.compile(r"[^{]*\{[^}]+\}")
"""What decides alone to which slot a key belongs."""


class SlotAway(RedisConnectionError):
    """Our slot is on another node, or being moved, or no node serves it now.

    As an error of the connection it makes the client connect again, and repeat the call.
    """


class HashTagMissing(RedisConnectionError):
    """The keys would be on several nodes of a cluster, where no script can change them at once."""


class Address(NamedTuple):
    host: str
    port: int


class Slot:
    """What the connections of one client know of the slot's place."""

    def __init__(self, key_prefix: str) -> None:
        self.number = key_slot(key_prefix.encode())
        self.tagged = HASH_TAG.match(key_prefix) is not None
        self.in_cluster: bool | None = None
        """None until a server was asked."""
        self.owner: Address | None = None
        self.nodes: tuple[Address, ...] = ()
        """All of them, in case that the owner and the address that was given are both gone."""


class _ClusterParser(DefaultParser):  # type: ignore[misc,valid-type]
    """Redirections are errors of the connection."""

    EXCEPTION_CLASSES: ClassVar[dict[str, Any]] = {
        **DefaultParser.EXCEPTION_CLASSES,
        **dict.fromkeys(("MOVED", "ASK", "TRYAGAIN", "CLUSTERDOWN"), SlotAway),
    }


class _FollowingSlot(Connection):
    """A connection to the primary that has the slot, wherever that is when it connects."""

    def __init__(self, *, slot: Slot, **options: Any) -> None:
        super().__init__(parser_class=_ClusterParser, **options)
        self._slot = slot
        self._given = Address(self.host, int(self.port))

    async def connect_check_health(self, *args: Any, **options: Any) -> None:
        """Each connecting of the library goes through this."""
        if self.is_connected:
            return
        first_error: Exception | None = None
        tried: set[Address] = set()
        slot = self._slot
        to_try = deque((slot.owner or self._given, self._given, *slot.nodes))
        while to_try:
            address = to_try.popleft()
            if address in tried:
                continue
            tried.add(address)
            try:
                self.host, self.port = address
                await super().connect_check_health(*args, **options)
                owner = await self._find_owner(address)
            except (RedisConnectionError, RedisTimeoutError) as error:
                await self.disconnect(nowait=True)
                first_error = first_error or error
                if isinstance(error, HashTagMissing):
                    break
                continue
            if owner is None or owner == address:
                slot.owner = owner
                return
            await self.disconnect(nowait=True)
            to_try.appendleft(owner)
        raise first_error or SlotAway("the nodes of the cluster do not agree where our slot is")

    async def _find_owner(self, asked: Address) -> Address | None:
        """As the node says to which this is connected; None for a server that is no cluster.

        Raises SlotAway if the node serves nothing.
        """
        slot = self._slot
        if slot.in_cluster is False:
            return None
        try:
            info = await self._ask("CLUSTER", "INFO")
        except NoPermissionError:
            return None
        except ResponseError as error:
            if "cluster support disabled" not in str(error):
                raise SlotAway(str(error)) from error
            slot.in_cluster = False
            return None
        slot.in_cluster = True
        if not slot.tagged:
            raise HashTagMissing("it is a cluster, and KEY_PREFIX has no hash tag")
        if b"cluster_state:ok" not in _as_bytes(info):
            raise SlotAway("the cluster is down")
        own_id = _as_bytes(await self._ask("CLUSTER", "MYID"))
        owner: Address | None = None
        nodes: dict[Address, None] = {}
        for first, last, *members in await self._ask("CLUSTER", "SLOTS"):
            for n, (host, port, node_id, *_) in enumerate(members):
                name = _as_bytes(host or b"").decode()
                address = Address(name if name not in ("", "?") else asked.host, int(port))
                address = asked if _as_bytes(node_id) == own_id else address
                nodes[address] = None
                if n == 0 and first <= slot.number <= last:
                    owner = address
        slot.nodes = tuple(nodes)
        if owner is None:
            raise SlotAway("no node of the cluster has our slot")
        return owner

    async def _ask(self, *words: str) -> Any:
        await self.send_command(*words, check_health=False)
        return await self.read_response()


class SlotConnection(_FollowingSlot):
    """Over TCP."""


class SlotTLSConnection(_FollowingSlot, SSLConnection):
    """Over TLS."""


def _as_bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()
