"""The templates' engine: everything is escaped, and a name that does not exist is an error."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.template import TemplateConfig

from app.pages.job_result import VERDICTS, components, web_link
from tasks.jobs.job import JobState, JobType

HERE = Path(__file__).parents[1]

SHOWN = 200
"""Entries of one list on a page: a thousand take 110 ms to render, in which web stands still."""

STATES = {
    JobState.WAITING: "Waiting",
    JobState.PENDING: "Queued",
    JobState.PROGRESS: "Running",
    JobState.SUCCESS: "Done",
    JobState.FAILURE: "Failed",
    JobState.REVOKED: "Cancelled",
}

TYPES = {
    JobType.TOPIC_CURATION: "Topic",
    JobType.BATCH_ANALYSIS: "Batch of URLs",
    JobType.SINGLE_ANALYSIS: "Single URL",
    JobType.HEALTH_CHECK: "Health check",
}


def template_config() -> TemplateConfig[JinjaTemplateEngine]:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["moment"] = _moment
    environment.filters["day"] = _day
    environment.filters["step"] = _step
    environment.filters["components"] = components
    environment.filters["web_link"] = web_link
    environment.globals.update(SHOWN=SHOWN, STATES=STATES, TYPES=TYPES, VERDICTS=VERDICTS)
    return TemplateConfig(instance=JinjaTemplateEngine.from_environment(environment))


def _moment(when: dt.datetime) -> str:
    return when.strftime("%Y-%m-%d %H:%M:%S UTC")


def _day(when: dt.datetime) -> str:
    return f"{when.day} {when:%B %Y}"


def _step(name: str) -> str:
    """The name of a step for readers, who count articles from 1."""
    kind, _, index = name.partition(":")
    return f"Article {int(index) + 1}" if index else kind.capitalize()
