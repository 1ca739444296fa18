"""What every budget of hosts promises: who may ask a host, and when."""

from __future__ import annotations

import asyncio

import hypothesis
import pytest
import redis
from hypothesis import HealthCheck
from hypothesis import strategies as st
from msgspec import Struct

from tasks.fetch.rate_limiter import (
    FORGOTTEN_MS,
    GAP_KEPT_MS,
    PATIENT_REFUSALS,
    POLL_MS,
    STAGGER_MS,
)
from tasks.ledger.connection import connect
from tasks.ledger.rate_limiter import SharedHosts
from tasks.ledger.redis import RedisLedger
from tasks.settings import Settings
from tests.contract.host_budgets import (
    HOST,
    PER_HOST,
    SLOT_SECONDS,
    BudgetUnderTest,
    LocalUnderTest,
    SharedUnderTest,
    turn,
)


@pytest.fixture(params=["shared", "local"])
def budget(request: pytest.FixtureRequest, redis_ledger: RedisLedger) -> BudgetUnderTest:
    return SharedUnderTest(redis_ledger) if request.param == "shared" else LocalUnderTest()


async def test_no_more_at_once_than_allowed(budget: BudgetUnderTest) -> None:
    for ticket in ("a", "b"):
        assert await budget.wait_of(turn(ticket, gap_ms=0)) == 0
    assert await budget.wait_of(turn("c", gap_ms=0)) == POLL_MS
    await budget.release(turn("a", gap_ms=0))
    assert await budget.wait_of(turn("c", gap_ms=0)) == 0


async def test_each_host_has_its_own_budget(budget: BudgetUnderTest) -> None:
    assert await budget.wait_of(turn("a")) == 0
    assert await budget.wait_of(turn("b", host="other.example")) == 0


async def test_starts_are_a_gap_apart_and_each_has_its_place(budget: BudgetUnderTest) -> None:
    waits = [await budget.wait_of(turn(str(n))) for n in range(4)]
    assert waits == [0, 1000, 2000, 3000]
    budget.advance(1000)
    assert await budget.wait_of(turn("1")) == 0
    await budget.release(turn("0"))
    await budget.release(turn("1"))
    budget.advance(1000)
    assert await budget.wait_of(turn("4")) == 2000
    assert [await budget.wait_of(turn(str(n))) for n in (2, 3)] == [0, 1000]


async def test_a_late_start_puts_off_the_next(budget: BudgetUnderTest) -> None:
    for ticket in ("a", "b", "c"):
        await budget.wait_of(turn(ticket))
    budget.advance(1400)
    assert await budget.wait_of(turn("b")) == 0
    await budget.release(turn("a"))
    budget.advance(600)
    assert await budget.wait_of(turn("c")) == 400


async def test_who_is_overdue_asks_in_the_order_of_the_line(budget: BudgetUnderTest) -> None:
    for ticket in ("a", "b", "c", "d"):
        await budget.wait_of(turn(ticket))
    budget.advance(10_000)
    assert await budget.wait_of(turn("d")) == 0
    await budget.release(turn("a"))
    assert await budget.wait_of(turn("c")) == 1000 + STAGGER_MS
    assert await budget.wait_of(turn("b")) == 1000


async def test_the_wider_gap_counts_before_and_after(budget: BudgetUnderTest) -> None:
    assert await budget.wait_of(turn("a", gap_ms=0)) == 0
    assert await budget.wait_of(turn("b", gap_ms=3000)) == 3000
    await budget.release(turn("a"))
    budget.advance(3000)
    assert await budget.wait_of(turn("b", gap_ms=3000)) == 0
    assert await budget.wait_of(turn("c", gap_ms=0)) == 3000


async def test_a_gap_is_forgotten_when_nobody_knows_of_it_any_more(
    budget: BudgetUnderTest,
) -> None:
    await budget.wait_of(turn("a", gap_ms=5000))
    await budget.release(turn("a"))
    budget.advance(GAP_KEPT_MS)
    assert await budget.wait_of(turn("b", gap_ms=0)) == 0
    assert await budget.wait_of(turn("c", gap_ms=0)) == 0


async def test_a_gap_that_becomes_known_moves_those_who_wait(budget: BudgetUnderTest) -> None:
    for ticket in ("a", "b", "c"):
        await budget.wait_of(turn(ticket, gap_ms=100))
    await budget.release(turn("a"))
    await budget.budget.widen(HOST, 2000)
    assert await budget.wait_of(turn("b", gap_ms=100)) == 2000
    assert await budget.wait_of(turn("c", gap_ms=100)) == 4000


async def test_what_goes_first_goes_before_all_others(budget: BudgetUnderTest) -> None:
    for ticket in ("a", "b", "c"):
        await budget.wait_of(turn(ticket))
    assert await budget.wait_of(turn("robots", first=True)) == 1000
    await budget.release(turn("a"))
    budget.advance(1000)
    assert await budget.wait_of(turn("robots", first=True)) == 0
    assert await budget.wait_of(turn("b")) == 1000


async def test_who_asks_again_with_the_grant_in_hand_goes_again(budget: BudgetUnderTest) -> None:
    assert await budget.wait_of(turn("a")) == 0
    budget.advance(200)
    assert await budget.wait_of(turn("a")) == 0
    assert await budget.wait_of(turn("b")) == 1000
    budget.advance(1000)
    assert await budget.wait_of(turn("b")) == 0
    budget.advance(1000)
    assert await budget.wait_of(turn("c")) == POLL_MS, "the repeated grant is one slot"


async def test_another_worker_with_the_same_ticket_has_a_slot_of_its_own(
    budget: BudgetUnderTest,
) -> None:
    assert await budget.wait_of(turn("a", gap_ms=0)) == 0
    assert await budget.wait_of(turn("a", gap_ms=0, holder="worker-2")) == 0
    assert await budget.wait_of(turn("b", gap_ms=0)) == POLL_MS


async def test_a_worker_that_died_blocks_its_host_no_longer_than_a_fetch_may_take(
    budget: BudgetUnderTest,
) -> None:
    for ticket in ("a", "b"):
        await budget.wait_of(turn(ticket, gap_ms=0))
    budget.advance(round(SLOT_SECONDS * 1000) - 1)
    assert await budget.wait_of(turn("c", gap_ms=0)) == POLL_MS
    budget.advance(1)
    assert await budget.wait_of(turn("c", gap_ms=0)) == 0


async def test_a_slot_that_is_renewed_does_not_end(
    redis_ledger: RedisLedger,
) -> None:
    budget, asked = SharedUnderTest(redis_ledger), turn("a", gap_ms=0)
    await budget.wait_of(asked)
    for seconds, alive in ((20_000, 1), (29_999, 1), (30_000, 0)):
        budget.advance(seconds)
        renewal = (asked.host, asked.ticket, asked.holder, 30_000)
        assert await redis_ledger.scripts.run("host_renew", *renewal) == alive


async def test_who_does_not_come_back_is_forgotten(budget: BudgetUnderTest) -> None:
    for ticket in ("a", "gone", "c"):
        await budget.wait_of(turn(ticket))
    await budget.release(turn("a"))
    budget.advance(2000 + FORGOTTEN_MS)
    assert await budget.wait_of(turn("d")) == 0


async def test_who_leaves_the_line_leaves_no_trace(budget: BudgetUnderTest) -> None:
    for ticket in ("a", "b"):
        await budget.wait_of(turn(ticket))
    await budget.release(turn("b"), well=False)
    assert await budget.wait_of(turn("c")) == 1000


async def test_retry_after_holds_everybody_back_and_keeps_their_order(
    budget: BudgetUnderTest,
) -> None:
    for ticket in ("a", "b", "c"):
        await budget.wait_of(turn(ticket))
    await budget.budget.hold(HOST, 20_000)
    await budget.release(turn("a"), well=False)
    assert await budget.wait_of(turn("c")) == 21_000
    assert await budget.wait_of(turn("b")) == 20_000
    assert await budget.wait_of(turn("robots", first=True)) == 20_000
    budget.advance(20_000)
    assert await budget.wait_of(turn("b")) == 0
    assert await budget.wait_of(turn("other", host="other.example")) == 0


async def test_a_shorter_hold_does_not_end_a_longer_one(budget: BudgetUnderTest) -> None:
    await budget.budget.hold(HOST, 20_000)
    await budget.budget.hold(HOST, 1_000)
    assert await budget.wait_of(turn("a")) == 20_000


async def test_a_host_that_always_refuses_is_told_apart(budget: BudgetUnderTest) -> None:
    async def refuse(times: int) -> bool:
        for _ in range(times):
            await budget.budget.hold(HOST, 2_000)
            await budget.budget.hold(HOST, 2_000)  # two requests, one refusal
            last = await budget.answer(turn("a"))
            budget.advance(2_000)
        return last.refused

    assert not await refuse(PATIENT_REFUSALS)
    assert await budget.wait_of(turn("a")) == 0
    await budget.release(turn("a"), well=True)
    assert not await refuse(PATIENT_REFUSALS)
    assert await refuse(1)
    assert not (await budget.answer(turn("a"))).refused, "it may be asked again now"


async def test_every_key_has_a_time_to_live(redis_ledger: RedisLedger, valkey: redis.Redis) -> None:
    budget = SharedUnderTest(redis_ledger)
    for ticket in ("a", "b"):
        await budget.wait_of(turn(ticket))
    await budget.budget.hold(HOST, 900_000)
    keys = {key.decode(): valkey.ttl(key) for key in valkey.scan_iter("*host:*")}
    assert len(keys) == 3
    assert keys[f"test:host:{HOST}"] > 900
    assert min(keys.values()) >= SLOT_SECONDS - 1


async def test_while_redis_is_away_a_worker_keeps_to_the_budget_by_itself() -> None:
    client = connect("redis://127.0.0.1:1")  # where nobody listens
    ledger = RedisLedger(client, Settings())
    budget = SharedHosts(ledger.scripts, PER_HOST, SLOT_SECONDS)
    try:
        assert (await budget.ask(turn("a"))).wait_ms == 0
        assert 0 < (await budget.ask(turn("b"))).wait_ms <= 1000
        await budget.hold(HOST, 60_000)
        assert (await budget.ask(turn("c"))).wait_ms > 59_000
        budget.release(turn("a"), well=True)
        await budget.aclose()
    finally:
        await client.aclose()


class Move(Struct, frozen=True):
    """One call, with what it takes; not every call takes all of it."""

    call: str
    ticket: str
    gap_ms: int
    ms: int
    flag: bool


MOVES = st.lists(
    st.builds(
        Move,
        call=st.sampled_from(["ask", "ask", "ask", "release", "hold", "widen", "advance"]),
        ticket=st.sampled_from("abcdef"),
        gap_ms=st.sampled_from([0, 250, 1000, 30_000]),
        ms=st.sampled_from([0, 1, 249, 1000, 5000, 29_999, 70_000, 400_000, -3000]),
        flag=st.booleans(),
    ),
    max_size=60,
)


async def _answers(budget: BudgetUnderTest, moves: list[Move]) -> list[object]:
    answers: list[object] = []
    for move in moves:
        asked = turn(move.ticket, gap_ms=move.gap_ms, first=move.flag)
        match move.call:
            case "ask":
                answers.append(await budget.budget.ask(asked))
            case "release":
                await budget.release(asked, well=move.flag)
            case "hold":
                await budget.budget.hold(HOST, max(move.ms, 0))
            case "widen":
                await budget.budget.widen(HOST, move.gap_ms)
            case _:
                budget.advance(move.ms)
    return answers


def test_both_budgets_give_the_same_answers(valkey: redis.Redis, settings: Settings) -> None:
    assert settings.redis_url is not None
    with asyncio.Runner() as runner:
        client = connect(settings.redis_url)
        ledger = RedisLedger(client, settings)

        @hypothesis.settings(
            max_examples=150,
            derandomize=True,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        @hypothesis.given(MOVES)
        def compare(moves: list[Move]) -> None:
            valkey.flushall()
            shared = runner.run(_answers(SharedUnderTest(ledger), moves))
            assert shared == runner.run(_answers(LocalUnderTest(), moves))

        try:
            compare()
        finally:
            runner.run(client.aclose())
