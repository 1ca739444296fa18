"""`curator doctor`."""

from __future__ import annotations

import asyncio

import click
import msgspec

from app.cli.context import CliContext, json_option
from app.cli.exits import ProblemsFound
from app.cli.tables import show_table
from app.cli.terminal import print_json, terminal
from tasks.settings import read_settings


@click.command()
@click.option("--fix", is_flag=True, help="Fix the problems that can be fixed safely.")
@json_option
@click.pass_obj
def doctor(context: CliContext, fix: bool, as_json: bool) -> None:
    """Look for problems with Redis, and with the jobs in it.

    It connects to Redis directly: at REDIS_URL, or to the embedded one that is running. It is safe
    at any time. Data written by a newer release is reported, and never changed.
    """
    # These load the Redis client, as no other command does.
    from tasks.doctor import Level
    from tasks.resources import examine_redis

    findings = asyncio.run(examine_redis(read_settings(context.environ), fix=fix))
    if as_json:
        print_json(msgspec.json.encode({"findings": findings}))
    else:
        show_table(
            terminal(),
            ("check", "result", "what"),
            [
                (finding.check, "fixed" if finding.fixed else finding.level, finding.sentence)
                for finding in findings
            ],
        )
    problems = [finding for finding in findings if finding.problem]
    if problems:
        fixable = any(problem.fixable for problem in problems)
        raise ProblemsFound.of(len(problems), fixable=fixable)
    if not as_json and all(finding.level is Level.OK for finding in findings):
        click.echo("No problems found.", err=True)
