"""What every host rate limiter promises: which request may be sent to a host, and when."""

from __future__ import annotations

import asyncio

import hypothesis
import pytest
import redis
from hypothesis import HealthCheck
from hypothesis import strategies as st
from msgspec import Struct

from tasks.fetch.rate_limiter import (
    ABANDONED_AFTER_MS,
    INTERVAL_TTL_MS,
    MAX_FREE_REFUSALS,
    POLL_MS,
    STAGGER_MS,
)
from tasks.ledger.connection import connect
from tasks.ledger.rate_limiter import RedisRateLimiter
from tasks.ledger.redis import RedisLedger
from tasks.resources import build_ledger
from tasks.settings import Settings
from tests.contract.rate_limiters import (
    HOST,
    PER_HOST,
    SLOT_SECONDS,
    LimiterUnderTest,
    LocalLimiterUnderTest,
    RedisLimiterUnderTest,
    ticket,
)


@pytest.fixture(params=["shared", "local"])
def under_test(request: pytest.FixtureRequest, redis_ledger: RedisLedger) -> LimiterUnderTest:
    return (
        RedisLimiterUnderTest(redis_ledger)
        if request.param == "shared"
        else LocalLimiterUnderTest()
    )


async def test_no_more_at_once_than_allowed(under_test: LimiterUnderTest) -> None:
    for ticket_id in ("a", "b"):
        assert await under_test.wait_of(ticket(ticket_id, interval_ms=0)) == 0
    assert await under_test.wait_of(ticket("c", interval_ms=0)) == POLL_MS
    await under_test.release(ticket("a", interval_ms=0))
    assert await under_test.wait_of(ticket("c", interval_ms=0)) == 0


async def test_each_host_has_its_own_limits(under_test: LimiterUnderTest) -> None:
    assert await under_test.wait_of(ticket("a")) == 0
    assert await under_test.wait_of(ticket("b", host="other.example")) == 0


async def test_starts_are_an_interval_apart_and_each_has_its_place(
    under_test: LimiterUnderTest,
) -> None:
    waits = [await under_test.wait_of(ticket(str(n))) for n in range(4)]
    assert waits == [0, 1000, 2000, 3000]
    under_test.advance(1000)
    assert await under_test.wait_of(ticket("1")) == 0
    await under_test.release(ticket("0"))
    await under_test.release(ticket("1"))
    under_test.advance(1000)
    assert await under_test.wait_of(ticket("4")) == 2000
    assert [await under_test.wait_of(ticket(str(n))) for n in (2, 3)] == [0, 1000]


async def test_a_late_start_puts_off_the_next(under_test: LimiterUnderTest) -> None:
    for ticket_id in ("a", "b", "c"):
        await under_test.wait_of(ticket(ticket_id))
    under_test.advance(1400)
    assert await under_test.wait_of(ticket("b")) == 0
    await under_test.release(ticket("a"))
    under_test.advance(600)
    assert await under_test.wait_of(ticket("c")) == 400


async def test_overdue_tickets_go_in_the_order_of_the_queue(under_test: LimiterUnderTest) -> None:
    for ticket_id in ("a", "b", "c", "d"):
        await under_test.wait_of(ticket(ticket_id))
    under_test.advance(10_000)
    assert await under_test.wait_of(ticket("d")) == 0
    await under_test.release(ticket("a"))
    assert await under_test.wait_of(ticket("c")) == 1000 + STAGGER_MS
    assert await under_test.wait_of(ticket("b")) == 1000


async def test_the_longer_interval_counts_before_and_after(under_test: LimiterUnderTest) -> None:
    assert await under_test.wait_of(ticket("a", interval_ms=0)) == 0
    assert await under_test.wait_of(ticket("b", interval_ms=3000)) == 3000
    await under_test.release(ticket("a"))
    under_test.advance(3000)
    assert await under_test.wait_of(ticket("b", interval_ms=3000)) == 0
    assert await under_test.wait_of(ticket("c", interval_ms=0)) == 3000


async def test_an_interval_expires_when_no_request_knows_of_it_any_more(
    under_test: LimiterUnderTest,
) -> None:
    await under_test.wait_of(ticket("a", interval_ms=5000))
    await under_test.release(ticket("a"))
    under_test.advance(INTERVAL_TTL_MS)
    assert await under_test.wait_of(ticket("b", interval_ms=0)) == 0
    assert await under_test.wait_of(ticket("c", interval_ms=0)) == 0


async def test_a_new_interval_postpones_waiting_tickets(under_test: LimiterUnderTest) -> None:
    for ticket_id in ("a", "b", "c"):
        await under_test.wait_of(ticket(ticket_id, interval_ms=100))
    await under_test.release(ticket("a"))
    await under_test.limiter.require_interval(HOST, 2000)
    assert await under_test.wait_of(ticket("b", interval_ms=100)) == 2000
    assert await under_test.wait_of(ticket("c", interval_ms=100)) == 4000


async def test_urgent_tickets_go_before_all_others(under_test: LimiterUnderTest) -> None:
    for ticket_id in ("a", "b", "c"):
        await under_test.wait_of(ticket(ticket_id))
    assert await under_test.wait_of(ticket("robots", urgent=True)) == 1000
    await under_test.release(ticket("a"))
    under_test.advance(1000)
    assert await under_test.wait_of(ticket("robots", urgent=True)) == 0
    assert await under_test.wait_of(ticket("b")) == 1000


async def test_a_granted_ticket_that_asks_again_is_granted_again(
    under_test: LimiterUnderTest,
) -> None:
    assert await under_test.wait_of(ticket("a")) == 0
    under_test.advance(200)
    assert await under_test.wait_of(ticket("a")) == 0
    assert await under_test.wait_of(ticket("b")) == 1000
    under_test.advance(1000)
    assert await under_test.wait_of(ticket("b")) == 0
    under_test.advance(1000)
    assert await under_test.wait_of(ticket("c")) == POLL_MS, "the repeated grant is one slot"


async def test_another_worker_with_the_same_ticket_has_a_slot_of_its_own(
    under_test: LimiterUnderTest,
) -> None:
    assert await under_test.wait_of(ticket("a", interval_ms=0)) == 0
    assert await under_test.wait_of(ticket("a", interval_ms=0, holder="worker-2")) == 0
    assert await under_test.wait_of(ticket("b", interval_ms=0)) == POLL_MS


async def test_a_worker_that_died_blocks_its_host_no_longer_than_a_fetch_may_take(
    under_test: LimiterUnderTest,
) -> None:
    for ticket_id in ("a", "b"):
        await under_test.wait_of(ticket(ticket_id, interval_ms=0))
    under_test.advance(round(SLOT_SECONDS * 1000) - 1)
    assert await under_test.wait_of(ticket("c", interval_ms=0)) == POLL_MS
    under_test.advance(1)
    assert await under_test.wait_of(ticket("c", interval_ms=0)) == 0


async def test_a_renewed_slot_does_not_expire(
    redis_ledger: RedisLedger,
) -> None:
    under_test, running = RedisLimiterUnderTest(redis_ledger), ticket("a", interval_ms=0)
    await under_test.wait_of(running)
    for seconds, alive in ((20_000, 1), (29_999, 1), (30_000, 0)):
        under_test.advance(seconds)
        renewal = (running.host, running.id, running.holder, 30_000)
        assert await redis_ledger.scripts.run("host_renew", *renewal) == alive


async def test_an_abandoned_ticket_is_dropped(under_test: LimiterUnderTest) -> None:
    for ticket_id in ("a", "gone", "c"):
        await under_test.wait_of(ticket(ticket_id))
    await under_test.release(ticket("a"))
    under_test.advance(2000 + ABANDONED_AFTER_MS)
    assert await under_test.wait_of(ticket("d")) == 0


async def test_a_ticket_that_leaves_the_queue_leaves_no_trace(under_test: LimiterUnderTest) -> None:
    for ticket_id in ("a", "b"):
        await under_test.wait_of(ticket(ticket_id))
    await under_test.release(ticket("b"), answered=False)
    assert await under_test.wait_of(ticket("c")) == 1000


async def test_retry_after_blocks_all_tickets_and_keeps_their_order(
    under_test: LimiterUnderTest,
) -> None:
    for ticket_id in ("a", "b", "c"):
        await under_test.wait_of(ticket(ticket_id))
    await under_test.limiter.block_for(HOST, 20_000)
    await under_test.release(ticket("a"), answered=False)
    assert await under_test.wait_of(ticket("c")) == 21_000
    assert await under_test.wait_of(ticket("b")) == 20_000
    assert await under_test.wait_of(ticket("robots", urgent=True)) == 20_000
    under_test.advance(20_000)
    assert await under_test.wait_of(ticket("b")) == 0
    assert await under_test.wait_of(ticket("other", host="other.example")) == 0


async def test_a_shorter_block_does_not_end_a_longer_one(under_test: LimiterUnderTest) -> None:
    await under_test.limiter.block_for(HOST, 20_000)
    await under_test.limiter.block_for(HOST, 1_000)
    assert await under_test.wait_of(ticket("a")) == 20_000


async def test_a_host_that_always_refuses_is_recognised(under_test: LimiterUnderTest) -> None:
    async def refuse(times: int) -> bool:
        for _ in range(times):
            await under_test.limiter.block_for(HOST, 2_000)
            await under_test.limiter.block_for(HOST, 2_000)  # two requests, one refusal
            last = await under_test.grant(ticket("a"))
            under_test.advance(2_000)
        return last.refused

    assert not await refuse(MAX_FREE_REFUSALS)
    assert await under_test.wait_of(ticket("a")) == 0
    await under_test.release(ticket("a"), answered=True)
    assert not await refuse(MAX_FREE_REFUSALS)
    assert await refuse(1)
    assert not (await under_test.grant(ticket("a"))).refused, "it may be asked again now"


async def test_every_key_has_a_time_to_live(redis_ledger: RedisLedger, valkey: redis.Redis) -> None:
    under_test = RedisLimiterUnderTest(redis_ledger)
    for ticket_id in ("a", "b"):
        await under_test.wait_of(ticket(ticket_id))
    await under_test.limiter.block_for(HOST, 900_000)
    keys = {key.decode(): valkey.ttl(key) for key in valkey.scan_iter("*host:*")}
    assert len(keys) == 3
    assert keys[f"test:host:{HOST}"] > 900
    assert min(keys.values()) >= SLOT_SECONDS - 1


async def test_while_redis_is_unavailable_a_worker_keeps_the_limits_by_itself() -> None:
    client = connect("redis://127.0.0.1:1")  # no server listens there
    ledger = build_ledger(client, Settings())
    limiter = RedisRateLimiter(ledger.scripts, PER_HOST, SLOT_SECONDS)
    try:
        assert (await limiter.try_acquire(ticket("a"))).wait_ms == 0
        assert 0 < (await limiter.try_acquire(ticket("b"))).wait_ms <= 1000
        await limiter.block_for(HOST, 60_000)
        assert (await limiter.try_acquire(ticket("c"))).wait_ms > 59_000
        limiter.release(ticket("a"), answered=True)
        await limiter.aclose()
    finally:
        await client.aclose()


class Move(Struct, frozen=True):
    """One call, with what it takes; not every call takes all of it."""

    call: str
    ticket_id: str
    interval_ms: int
    ms: int
    flag: bool


MOVES = st.lists(
    st.builds(
        Move,
        call=st.sampled_from(
            ["acquire", "acquire", "acquire", "release", "block", "require", "advance"]
        ),
        ticket_id=st.sampled_from("abcdef"),
        interval_ms=st.sampled_from([0, 250, 1000, 30_000]),
        ms=st.sampled_from([0, 1, 249, 1000, 5000, 29_999, 70_000, 400_000, -3000]),
        flag=st.booleans(),
    ),
    max_size=60,
)


async def _answers(under_test: LimiterUnderTest, moves: list[Move]) -> list[object]:
    answers: list[object] = []
    for move in moves:
        candidate = ticket(move.ticket_id, interval_ms=move.interval_ms, urgent=move.flag)
        match move.call:
            case "acquire":
                answers.append(await under_test.limiter.try_acquire(candidate))
            case "release":
                await under_test.release(candidate, answered=move.flag)
            case "block":
                await under_test.limiter.block_for(HOST, max(move.ms, 0))
            case "require":
                await under_test.limiter.require_interval(HOST, move.interval_ms)
            case _:
                under_test.advance(move.ms)
    return answers


def test_both_limiters_give_the_same_answers(valkey: redis.Redis, settings: Settings) -> None:
    assert settings.redis_url is not None
    with asyncio.Runner() as runner:
        client = connect(settings.redis_url)
        ledger = build_ledger(client, settings)

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
            shared = runner.run(_answers(RedisLimiterUnderTest(ledger), moves))
            assert shared == runner.run(_answers(LocalLimiterUnderTest(), moves))

        try:
            compare()
        finally:
            runner.run(client.aclose())


async def test_a_clock_that_was_set_back_blocks_no_host_for_that_long(
    redis_ledger: RedisLedger,
) -> None:
    under_test = RedisLimiterUnderTest(redis_ledger)
    for ticket_id in ("dead", "dead too"):
        assert await under_test.wait_of(ticket(ticket_id, interval_ms=0)) == 0
    await under_test.wait_of(ticket("waits", interval_ms=0))
    under_test.advance(-3_600_000)
    assert await under_test.wait_of(ticket("next", interval_ms=0)) < 1000
    under_test.advance(round(SLOT_SECONDS * 1000))
    assert await under_test.wait_of(ticket("next", interval_ms=0)) == 0
