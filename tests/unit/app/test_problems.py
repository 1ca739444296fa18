"""The table of problems."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus

from app.http.problems import PROBLEMS, problem_type_of
from tasks.errors import CuratorError, HostBusy, InvalidSettings, StepError, UnknownJob

NEVER_ANSWERED = (HostBusy, InvalidSettings, StepError)
"""Raised where no request is."""


def leaves(kind: type[CuratorError]) -> Iterator[type[CuratorError]]:
    for child in kind.__subclasses__():
        yield from leaves(child)
    if not kind.__subclasses__():
        yield kind


def test_every_error_of_the_domain_has_a_problem_type() -> None:
    ours = {kind for kind in leaves(CuratorError) if kind.__module__ == "tasks.errors"}
    assert {kind for kind in ours if not issubclass(kind, NEVER_ANSWERED)} <= set(PROBLEMS)


def test_each_problem_name_has_one_status_and_title() -> None:
    kinds = set(PROBLEMS.values())
    assert len({kind.name for kind in kinds}) == len(kinds)
    for key, kind in PROBLEMS.items():
        assert 400 <= HTTPStatus(kind.status) < 600
        assert not isinstance(key, int) or key == kind.status


def test_an_error_outside_the_table_is_an_internal_error() -> None:
    assert problem_type_of(RuntimeError("secret")).status == 500
    assert problem_type_of(InvalidSettings()).status == 500
    assert problem_type_of(UnknownJob()).status == 404
