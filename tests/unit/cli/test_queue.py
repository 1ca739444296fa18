"""`curator queue` and `curator workers`."""

from __future__ import annotations

import json

import httpx
import pytest

from tests.unit.cli.web_stub import HOSTILE, TAMED, WebStub, problem, respond, run

QUEUE = {
    "paused": True,
    "active_job_count": 3,
    "queued_count": 5,
    "ready_count": 4,
    "running_count": 2,
    "outstanding_count": 8,
    "oldest_queued_seconds": 1.25,
    "worker_count": 1,
}
WORKER = {
    "worker_id": HOSTILE,
    "seen_at": "2025-01-02T03:04:05Z",
    "slot_count": 4,
    "running_count": 2,
    "draining": True,
}
WEB = {
    "GET /queue": respond(QUEUE),
    "POST /queue/pause": respond({"paused": True}),
    "POST /queue/resume": respond({"paused": False}),
    "GET /workers": respond({"workers": [WORKER]}),
    "POST /workers/worker-1/drain": respond({"worker_id": "worker-1", "draining": True}, 202),
}
COMMANDS = [
    ("queue", "stats"),
    ("queue", "pause"),
    ("queue", "resume"),
    ("workers", "list"),
    ("workers", "drain", "worker-1"),
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_prints_text_or_one_json_document(command: tuple[str, ...]) -> None:
    completed = run(*command, "--json", web=WebStub(WEB))
    assert (completed.exit_code, completed.stdout.count("\n")) == (0, 1)
    assert isinstance(json.loads(completed.stdout), dict)
    assert run(*command, web=WebStub(WEB)).exit_code == 0


def test_stats_as_text() -> None:
    lines = run("queue", "stats", web=WebStub(WEB)).stdout.splitlines()
    assert lines[0] == "queue\tpaused"
    assert "queued steps\t5" in lines
    assert "ready steps\t4" in lines
    assert "oldest queued, s\t1.2" in lines


def test_a_hostile_worker_is_one_harmless_cell() -> None:
    shown = run("workers", "list", web=WebStub(WEB)).stdout
    assert f"{TAMED}\t2\t4\tdraining\t" in shown


def test_a_silent_worker_is_called_so() -> None:
    drained = {"worker_id": "worker-1", "draining": True, "silent": True}
    web = {
        "GET /workers": respond({"workers": [{**WORKER, "silent": True}]}),
        "POST /workers/worker-1/drain": respond(drained, 202),
    }
    assert "\tsilent\t" in run("workers", "list", web=WebStub(web)).stdout
    shown = run("workers", "drain", "worker-1", web=WebStub(web)).stdout
    assert shown.startswith("worker-1  silent: it has missed its last reports")


def test_a_worker_id_is_one_path_segment() -> None:
    web = WebStub({"POST /workers/../queue/pause/drain": problem(404, "Unknown worker")})
    completed = run("workers", "drain", "../queue/pause", web=web)
    assert completed.exit_code == 2
    assert web.requests[0].url.raw_path == b"/workers/..%2Fqueue%2Fpause/drain"


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_an_unreachable_server_is_exit_code_3(command: tuple[str, ...]) -> None:
    gone = {call: httpx.ConnectError("refused") for call in WEB}
    assert run(*command, web=WebStub(gone)).exit_code == 3
