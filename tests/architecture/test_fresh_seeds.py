"""Property tests try new examples in each run, in CI too, and an old run can be repeated."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from hypothesis import core, settings


def seed_in_ci(*options: str) -> str:
    """The seed that a run with the variable CI prints, of the test that examples are fresh."""
    test = f"{__file__}::test_examples_come_from_a_seed"
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options, test],
        env={**os.environ, "CI": "true"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stdout
    printed = re.search(r"^hypothesis seed: (\d+)$", ran.stdout, re.MULTILINE)
    assert printed
    return printed[1]


def test_examples_come_from_a_seed(request: pytest.FixtureRequest) -> None:
    assert not settings().derandomize
    assert str(core.global_force_seed) == request.config.getoption("--hypothesis-seed")


def test_each_run_in_ci_has_a_seed_of_its_own() -> None:
    assert seed_in_ci() != seed_in_ci()


def test_a_run_can_be_repeated_by_its_seed() -> None:
    assert seed_in_ci("--hypothesis-seed=7") == "7"
