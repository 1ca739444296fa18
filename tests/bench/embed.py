"""How much of the processor's rate of matrix products the embedder makes use of.

The limit is the fastest of three libraries at multiplying float32 (`tests.bench.gemm`), on as many
threads, in turns with the embedders. A share is the median of the rounds' own shares. The work is
what the encoder needs for these texts, without padding; the time is that of the whole call, with
the tokenizer. Sentences are given as so many sequences of 256 tokens.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from statistics import median

import click
import msgspec
from msgspec.structs import replace

from tests.bench.entrants import ROOT
from tests.bench.figure import Figure, compared, prints_figures
from tests.bench.rates import Measured, Round, flops

OURS = "onnxruntime"
REFERENCE = "sentence-transformers"

MIN_COSINE = 0.9999
"""Of a row to the reference's."""

GOALS = {1: 0.70, 2: 0.60}
"""Threads → share of the limit."""

SEQUENCE = 256

Rates = Callable[[Round], dict[str, float]]


@click.command()
@click.option("--rounds", default=15, show_default=True, help="Medians are of that many.")
@prints_figures
def embed(rounds: int) -> Iterator[Figure]:
    """Texts embedded per second, and the share of the rate of matrix products."""
    for threads in GOALS:
        measured = _measured(threads, rounds)
        where = f"{threads} thread{'s' if threads > 1 else ''}"
        yield _share(f"256 tokens, {where}", measured, threads, lambda one: one.long)
        yield _share(f"sentences, {where}", measured, threads, lambda one: one.short)
        yield _beside(f"256 tokens, {where}, beside", measured, OURS, REFERENCE)
    yield from _likeness(measured)


def _measured(threads: int, rounds: int) -> Measured:
    environ = {
        **os.environ,
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": str(threads),
        "OMP_WAIT_POLICY": "PASSIVE",  # else its threads take the cores of the next in turn
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.embedding", str(threads), str(rounds)],
        env=environ,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
    )
    return msgspec.json.decode(done.stdout, type=Measured)


def _share(name: str, measured: Measured, threads: int, rates: Rates) -> Figure:
    limit = median(max(one.gemm.values()) for one in measured.rounds)
    last = measured.rounds[-1].gemm
    fastest = max(last, key=last.__getitem__)
    figure = compared(
        name,
        median(rates(one)[OURS] for one in measured.rounds) / flops(SEQUENCE),
        "/s",
        f"fp32 GEMM ({fastest})",
        limit / flops(SEQUENCE),
    )
    share = median(rates(one)[OURS] / max(one.gemm.values()) for one in measured.rounds)
    goal = GOALS[threads]
    return replace(figure, ratio=share, goal=f"ratio >= {goal:.2f}", met=share >= goal)


def _beside(name: str, measured: Measured, ours: str, other: str) -> Figure:
    rates = {
        who: median(one.long[who] for one in measured.rounds) / flops(SEQUENCE)
        for who in (ours, other)
    }
    return compared(name, rates[ours], "/s", other, rates[other])


def _likeness(measured: Measured) -> Iterator[Figure]:
    least = measured.least_cosine[OURS]
    yield Figure(
        name=f"{OURS}, least cosine to the reference",
        value=least,
        unit="",
        goal=f">= {MIN_COSINE}",
        met=least >= MIN_COSINE,
    )
    yield Figure(
        name=f"{OURS}, cosine of a pair off by", value=measured.pair_error[OURS], unit="at most"
    )
