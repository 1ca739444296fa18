"""A worker whose metrics record nothing: what `bench telemetry` compares with."""

from __future__ import annotations

from app.cli.main import main
from tasks.telemetry import metrics
from tasks.telemetry.aggregate import AggregateHistogram


def record_nothing(*_arguments: object) -> None:
    pass


def silence() -> None:
    setattr(AggregateHistogram, "record", record_nothing)  # noqa: B010
    for kind in {type(it) for it in vars(metrics).values() if hasattr(it, "add")}:
        kind.add = record_nothing


if __name__ == "__main__":
    silence()
    main()
