"""`curator jobs explain`: why candidates were kept, merged, capped or dropped."""

from __future__ import annotations

import uuid

import click
import msgspec

from app.cli.answers import DecisionView
from app.cli.client import open_service
from app.cli.decisions import show_decision, show_decisions
from app.cli.exits import WrongUse
from app.cli.options import job_id_argument, print_json, service_options
from app.cli.surroundings import Surroundings
from app.cli.terminal import terminal
from nlp.urls import canonical_url


@click.command()
@job_id_argument
@click.argument("article", metavar="[URL]", required=False)
@service_options
@click.pass_obj
def explain(
    around: Surroundings, job_id: uuid.UUID, article: str | None, url: str | None, as_json: bool
) -> None:
    """Print what happened to each candidate of a job and why, or to one, with all its numbers."""
    with open_service(around, url) as service:
        result = service.result(job_id)
    decisions = result.body.decisions
    documents = msgspec.json.decode(result.document, type=_Decisions).decisions
    if article is None:
        shown = b"[" + b",".join(documents) + b"]"
        print_json(shown) if as_json else show_decisions(terminal(), decisions)
        return
    place = _place(article, decisions)
    if as_json:
        print_json(bytes(documents[place]))
    else:
        show_decision(terminal(), decisions[place])


class _Decisions(msgspec.Struct):
    """The decisions as the server sent them."""

    decisions: tuple[msgspec.Raw, ...] = ()


def _place(article: str, decisions: tuple[DecisionView, ...]) -> int:
    """Of the candidate with this URL, or else with the same but for what makes no difference."""
    urls = [one.url for one in decisions]
    if article in urls:
        return urls.index(article)
    wanted = _canonical(article)
    for place, url in enumerate(urls):
        if _canonical(url) == wanted:
            return place
    raise WrongUse(f"{article} is not among the {len(urls)} candidates of this job")


def _canonical(url: str) -> str:
    try:
        return canonical_url(url)
    except ValueError:
        return url
