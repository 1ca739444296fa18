"""A day, played through: jobs arrive, workers start and stop, each step waits for a free slot.

A model, not the product: steps wait in the order in which they may start, each takes a slot for its
seconds, and what a worker is told takes as long as on ECS. What becomes of a step whose worker ends
is what the tests of the product show: a worker that is told to stop takes no more steps, finishes
those it has, and hands back what still runs after its grace; the steps of one that is killed run
again when their leases have ended.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable, Sequence
from itertools import count, pairwise
from math import ceil

from msgspec import Struct, field

from tasks.scaling.wanted import workers_wanted
from tests.bench.scaling.arrivals import Arrival
from tests.bench.scaling.rules import ACTED_AFTER, SEEN_AFTER, Scaler, Signal

DAY = 24 * 3600.0
PUBLISHED_EVERY = 10.0
REMEMBERED = 300.0
"""The signal is the maximum of so many seconds."""
PROTECTED_AFTER = 30.0
"""A worker with a lease older than this is not chosen when some have to stop."""


class World(Struct, frozen=True, kw_only=True):
    """What is given."""

    slots: int
    step_seconds: float
    """Mean seconds that a step has its slot."""
    slow_share: float
    """Of steps whose site is slow."""
    slow_seconds: tuple[float, float]
    acceptable_wait: float
    leases_averaged: bool
    """Whether the signal takes the steps that run as the mean of its minutes, or of a moment."""
    max_workers: int
    start_seconds: float
    """From the start of a task to its first step."""
    grace_seconds: float
    lease_seconds: float
    on_demand_base: int
    on_demand_weight: int
    spot_weight: int
    spot_lost_at: tuple[float, ...]
    """All Spot workers get their warning."""
    killed_at: tuple[float, ...]
    """One worker ends without any warning."""
    seed: int


class Worker(Struct, kw_only=True, eq=False):
    started: float
    spot: bool
    ready: bool = False
    stopping: bool = False
    ended: float | None = None
    running: dict[int, float] = field(default_factory=dict)
    """Steps by number, with the moment each began."""
    dead: bool = False
    """Killed without any warning: nothing of it finishes."""
    scaled_in: bool = False
    """Stopped by scaling in while it had steps."""
    cut_off: bool = False
    """Its grace ended before its steps had."""


class Day(Struct, frozen=True, kw_only=True):
    """What came out."""

    waits: list[float]
    """Seconds from when a step might start to its first start."""
    steps: int
    settled: int
    ideal_hours: float
    on_demand_hours: float
    spot_hours: float
    capacities: list[tuple[float, int]]
    drained: int
    """Workers that scaling in stopped while they had steps, finished or not."""
    hit: int
    """Of these, the ones whose steps it cut off."""
    repeated: int
    """Steps that began again, whatever the reason."""

    @property
    def lost(self) -> int:
        return self.steps - self.settled

    @property
    def worker_hours(self) -> float:
        return self.on_demand_hours + self.spot_hours

    @property
    def flips(self) -> int:
        """Changes of direction within ten minutes."""
        moves = [(at, after > before) for (_, before), (at, after) in pairwise(self.capacities)]
        return sum(now[1] != last[1] and now[0] - last[0] < 600 for last, now in pairwise(moves))


def play(world: World, arrivals: Sequence[Arrival], scaler: Scaler) -> Day:
    return _Play(world, arrivals, scaler).run()


class _Play:
    def __init__(self, world: World, arrivals: Sequence[Arrival], scaler: Scaler) -> None:
        self.world = world
        self.scaler = scaler
        self.now = 0.0
        self.events: list[tuple[float, int, Callable[[], None]]] = []
        self.order = count()
        self.of_steps = random.Random(world.seed)
        self.of_workers = random.Random(world.seed + 1)

        self.seconds: list[float] = []  # of each step, by its number
        self.may_start: list[float] = []
        self.begun: list[bool] = []
        self.ready: deque[int] = deque()
        self.later = 0  # articles of jobs that are due later
        self.leased = 0
        self.settled = 0
        self.runnable = 0
        self.done_seconds, self.done = world.step_seconds, 1
        self.waits: list[float] = []
        self.repeated = 0

        self.workers: list[Worker] = []
        self.free: list[Worker] = []  # one entry for each free slot
        self.capacities = [(0.0, scaler.first)]
        self.desired = scaler.first
        self.held: deque[int] = deque(maxlen=int(REMEMBERED / PUBLISHED_EVERY))
        self.published: deque[int] = deque(maxlen=int(REMEMBERED / PUBLISHED_EVERY))

        for job in arrivals:
            self.at(job.at, lambda job=job: self.submit(job))  # type: ignore[misc]
        self.at(0.0, self.publish)
        for moment in world.spot_lost_at:
            self.at(moment, self.lose_spot)
        for moment in world.killed_at:
            self.at(moment, self.kill_one)

    def at(self, moment: float, do: Callable[[], None]) -> None:
        heapq.heappush(self.events, (moment, next(self.order), do))

    def run(self) -> Day:
        self.set_workers(self.desired)
        while self.events:
            self.now, _, do = heapq.heappop(self.events)
            if self.now >= DAY and not self.unsettled:
                break
            if self.now >= 2 * DAY:  # what is not settled by now never will be
                break
            do()
        hours = {
            spot: sum(
                (min(worker.ended or DAY, max(DAY, self.now)) - worker.started) / 3600
                for worker in self.workers
                if worker.spot is spot
            )
            for spot in (False, True)
        }
        busy = [worker for worker in self.workers if worker.scaled_in]
        return Day(
            waits=self.waits,
            steps=self.runnable,
            settled=self.settled,
            ideal_hours=sum(self.seconds) / self.world.slots / 3600,
            on_demand_hours=hours[False],
            spot_hours=hours[True],
            capacities=self.capacities,
            drained=len(busy),
            hit=sum(worker.cut_off for worker in busy),
            repeated=self.repeated,
        )

    @property
    def unsettled(self) -> int:
        return self.runnable - self.settled

    # Jobs and steps

    def submit(self, job: Arrival) -> None:
        if job.not_before > self.now:
            self.later += job.articles
            if job.not_before < DAY:
                self.at(job.not_before, lambda: self.release(job, was_later=True))
        else:
            self.release(job, was_later=False)

    def release(self, job: Arrival, *, was_later: bool) -> None:
        self.later -= job.articles if was_later else 0
        self.runnable += job.articles
        for _ in range(job.articles):
            self.ready.append(len(self.seconds))
            self.seconds.append(self.draw())
            self.may_start.append(self.now)
            self.begun.append(False)
        self.dispatch()

    def draw(self) -> float:
        world, rng = self.world, self.of_steps
        if rng.random() < world.slow_share:
            return rng.uniform(*world.slow_seconds)
        slow = world.slow_share * sum(world.slow_seconds) / 2
        usual = (world.step_seconds - slow) / (1 - world.slow_share)
        return usual * rng.gammavariate(4, 0.25)

    def dispatch(self) -> None:
        while self.ready and self.free:
            position = self.of_workers.randrange(len(self.free))
            self.free[position], self.free[-1] = self.free[-1], self.free[position]
            worker = self.free.pop()
            if not worker.stopping:
                self.begin(worker, self.ready.popleft())

    def begin(self, worker: Worker, step: int) -> None:
        if self.begun[step]:
            self.repeated += 1
        else:
            self.begun[step] = True
            self.waits.append(self.now - self.may_start[step])
        worker.running[step] = self.now
        self.leased += 1
        self.at(self.now + self.seconds[step], lambda: self.finish(worker, step))

    def finish(self, worker: Worker, step: int) -> None:
        if worker.dead or worker.running.pop(step, None) is None:  # handed back
            return
        self.leased -= 1
        self.settled += 1
        self.done_seconds += self.seconds[step]
        self.done += 1
        if worker.stopping:
            if not worker.running:
                worker.ended = self.now
            return
        self.free.append(worker)
        self.dispatch()

    # The signal

    def publish(self) -> None:
        world = self.world
        self.held.append(self.leased)
        mean = ceil(sum(self.held) / len(self.held))
        self.published.append(
            workers_wanted(
                leased=mean if self.leased and world.leases_averaged else self.leased,
                ready=len(self.ready),
                slots=world.slots,
                step_seconds=self.done_seconds / self.done,
                acceptable_wait=world.acceptable_wait,
                max_workers=world.max_workers,
                paused=False,
            )
        )
        signal = Signal(
            wanted=max(self.published), outstanding=self.leased + len(self.ready) + self.later
        )
        self.at(self.now + SEEN_AFTER, lambda: self.decide(signal))
        if len(self.alive) > self.desired:  # some were protected
            self.set_workers(self.desired)
        self.at(self.now + PUBLISHED_EVERY, self.publish)

    def decide(self, signal: Signal) -> None:
        capacity = self.scaler.decide(self.now, signal)
        if capacity is not None and capacity != self.desired:
            self.desired = capacity
            self.capacities.append((self.now, capacity))
            self.at(self.now + ACTED_AFTER, lambda: self.set_workers(self.desired))

    # Workers

    @property
    def alive(self) -> list[Worker]:
        return [one for one in self.workers if not one.stopping and one.ended is None]

    def set_workers(self, capacity: int) -> None:
        alive = self.alive
        for _ in range(capacity - len(alive)):
            self.start()
        surplus = len(alive) - capacity
        if surplus > 0:
            oldest = self.now - PROTECTED_AFTER
            open_to = [one for one in alive if min(one.running.values(), default=self.now) > oldest]
            self.of_workers.shuffle(open_to)
            for worker in open_to[:surplus]:
                worker.scaled_in = bool(worker.running)
                self.stop(worker)

    def start(self) -> None:
        world, alive = self.world, self.alive
        on_demand = sum(1 for one in alive if not one.spot)
        beyond = len(alive) + 1 - world.on_demand_base
        weights = world.on_demand_weight + world.spot_weight
        wanted = world.on_demand_base + (beyond * world.on_demand_weight) // weights
        spot = len(alive) >= world.on_demand_base and on_demand >= wanted
        worker = Worker(started=self.now, spot=spot)
        self.workers.append(worker)
        self.at(self.now + world.start_seconds, lambda: self.serve(worker))

    def serve(self, worker: Worker) -> None:
        if not worker.stopping and worker.ended is None:
            worker.ready = True
            self.free.extend([worker] * self.world.slots)
            self.dispatch()

    def stop(self, worker: Worker) -> None:
        worker.stopping = True
        if not worker.running:
            worker.ended = self.now
        else:
            self.at(self.now + self.world.grace_seconds, lambda: self.hand_back(worker))

    def hand_back(self, worker: Worker) -> None:
        if worker.ended is None:
            worker.cut_off = True
            self.give_up(worker)

    def give_up(self, worker: Worker) -> None:
        self.leased -= len(worker.running)
        self.ready.extendleft(worker.running)
        worker.running.clear()
        worker.ended = self.now
        self.dispatch()

    def lose_spot(self) -> None:
        for worker in [one for one in self.alive if one.spot]:
            self.stop(worker)
        self.at(self.now + ACTED_AFTER, lambda: self.set_workers(self.desired))

    def kill_one(self) -> None:
        alive = [one for one in self.alive if one.ready]
        if alive:
            worker = self.of_workers.choice(alive)
            worker.stopping = worker.dead = True
            self.at(self.now + self.world.lease_seconds, lambda: self.give_up(worker))
            self.at(self.now + ACTED_AFTER, lambda: self.set_workers(self.desired))
