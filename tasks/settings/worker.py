"""The settings of a worker process: how much it runs at once, and how it is watched and stopped."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from tasks.settings.web import WebSettings

SMALLEST_WINDOW = 6
"""Before the first worker is heard of."""


class WorkerSettings(WebSettings, frozen=True, kw_only=True):
    """How steps are handed to workers, and taken back."""

    worker_concurrency: Annotated[
        int, Meta(ge=1, le=1024, description="Steps that one worker process runs at once.")
    ] = 4
    worker_max_tasks: Annotated[
        int, Meta(ge=0, description="A worker process is replaced after that many steps; 0: never.")
    ] = 1000
    worker_log_level: Annotated[
        str,
        Meta(
            pattern="^(DEBUG|INFO|WARNING|ERROR|CRITICAL)$",
            description="DEBUG, INFO, WARNING, ERROR or CRITICAL; of web too.",
        ),
    ] = "INFO"
    tasks_eager: Annotated[
        bool,
        Meta(description="Run jobs inside the caller, with no Redis: for tests and scripts."),
    ] = False
    release_window: Annotated[
        int,
        Meta(
            ge=0,
            description=(
                "Steps of one job that are open at once; 0: half as many again as all slots."
            ),
        ),
    ] = 0
    lease_seconds: Annotated[
        float,
        Meta(
            ge=1,
            le=60,
            description=(
                "A step whose worker has not renewed its lease for that long is run elsewhere."
            ),
        ),
    ] = 8.0
    wakeup_grace: Annotated[
        float,
        Meta(
            ge=0.1,
            le=60,
            description=(
                "A queued step whose wake-up was lost gets another after that many seconds."
            ),
        ),
    ] = 2.0
    shutdown_grace: Annotated[
        float,
        Meta(
            ge=0,
            description=(
                "After SIGTERM, running steps get that many seconds before they are handed back."
            ),
        ),
    ] = 100.0

    def window(self, slots: int) -> int:
        """Steps of one job that are open at once, where all workers together have these slots.

        Half as many again as there are slots keeps every slot busy. With twice as many, ten small
        jobs took 26 % longer beside a large one; see tests/integration/test_fairness.py.
        """
        return self.release_window or max(SMALLEST_WINDOW, slots + slots // 2)
