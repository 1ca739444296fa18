"""`curator settings`."""

from __future__ import annotations

import click
import msgspec

from app.cli.context import CliContext, json_option
from app.cli.tables import show_table
from app.cli.terminal import print_json, terminal
from tasks.settings import read_settings, setting_rows


@click.command()
@json_option
@click.pass_obj
def settings(context: CliContext, as_json: bool) -> None:
    """Print each setting with its value, its default and its meaning. Secrets are hidden.

    A setting is an environment variable of that name.
    """
    rows = setting_rows(read_settings(context.environ))
    if as_json:
        print_json(msgspec.json.encode(rows))
        return
    show_table(
        terminal(),
        ("setting", "value", "default", "meaning"),
        [(row.name, row.value, row.default, row.meaning) for row in rows],
    )
