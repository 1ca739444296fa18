"""`curator doctor`."""

from __future__ import annotations

import asyncio

import click
import msgspec

from app.cli.context import Surroundings, json_option, print_json
from app.cli.exits import ProblemsFound
from app.cli.tables import show_table
from app.cli.terminal import terminal
from tasks.settings import read_settings


@click.command()
@click.option("--fix", is_flag=True, help="Mend what can be mended without harm.")
@json_option
@click.pass_obj
def doctor(around: Surroundings, fix: bool, as_json: bool) -> None:
    """Look for what is wrong with Redis, and with the jobs in it.

    It asks Redis itself: the one of REDIS_URL, or the embedded one that runs. It may be run at any
    time. What was written by a newer release is named, and never touched.
    """
    from tasks.doctor import Level, examine  # loads the client of Redis, as no other command does

    findings = asyncio.run(examine(read_settings(around.environ), fix=fix))
    if as_json:
        print_json(msgspec.json.encode({"findings": findings}))
    else:
        show_table(
            terminal(),
            ("check", "result", "what"),
            [(one.check, "fixed" if one.fixed else one.level, one.sentence) for one in findings],
        )
    left = [one for one in findings if one.problem]
    if left:
        mendable = any(one.fixable for one in left)
        raise ProblemsFound.of(len(left), mendable=mendable)
    if not as_json and all(one.level is Level.OK for one in findings):
        click.echo("All is well.", err=True)
