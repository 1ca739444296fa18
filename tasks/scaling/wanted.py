"""How many workers are wanted: one number, that whoever starts and stops workers merely follows."""

from __future__ import annotations

from math import ceil

METRIC_NAME = "workers_wanted"
"""What CloudWatch and KEDA know it by."""


def workers_wanted(
    leased: float,
    ready: int,
    slots: int,
    step_seconds: float,
    acceptable_wait: float,
    max_workers: int,
    paused: bool,
) -> int:
    """Workers for the work that can run now; 0 without any, so that none is kept.

    `leased` steps run: ⌈leased / slots⌉ workers hold them. Give the mean of two to five minutes:
    at one moment a single job may fill all slots for a second, and a maximum of such moments never
    falls while there is any work (`scripts/bench scaling`: 81 worker-hours a day instead of 47).
    `ready` steps may start: those that are due, and those that running jobs have not released yet.
    A worker ends slots / step_seconds steps a second, so n workers have started all of them after
    ready × step_seconds / (slots × n) seconds; the least n for which that is within
    `acceptable_wait` (seconds) follows. One at least: a single step must not wait for company.
    A paused queue starts nothing: what runs is to end. Steps that are due later count nowhere.
    """
    if paused:
        ready = 0
    if leased + ready <= 0:
        return 0
    holding = ceil(leased / slots)
    starting = ceil(ready * step_seconds / (slots * acceptable_wait))
    return min(max(holding, starting, 1), max_workers)
