"""`ticket config check` and `ticket version`."""

import os
import platform
import sys
from pathlib import Path
from typing import Any

import click

from ticketing import __version__
from ticketing.entry.checking import Remark, remarks
from ticketing.entry.cli.common import FOUND, as_json
from ticketing.entry.config import DEFAULT, SETTINGS, Setting, Survey, shown, survey, without_password


@click.group()
def config() -> None:
    """The settings."""


@config.command()
@click.option("--json", "json_wanted", is_flag=True, help="For programs.")
def check(json_wanted: bool) -> None:
    """Show every setting with its value and where that is from, and what is wrong or may not be meant so. Secrets are not shown.

    Ends with 0 where Ticket can start with these settings, with 1 where something is wrong. Opens no database.
    """
    found = survey(os.environ, folder=Path.cwd())
    told = remarks(found)
    wrong = [remark for remark in told if remark.is_wrong]
    if json_wanted:
        as_json(
            {
                "well": not wrong,
                "file": None if found.file is None else str(found.file),
                "settings": {setting.name: _for_programs(found, setting) for setting in SETTINGS},
                "findings": [_sentence(remark) for remark in wrong],
                "remarks": [_sentence(remark) for remark in told if not remark.is_wrong],
            }
        )
    else:
        _print([(setting.variable, _for_the_eye(found, setting), _source(found, setting)) for setting in SETTINGS])
        for remark in told:
            click.echo(f"{'wrong' if remark.is_wrong else 'worth a look'}: {_sentence(remark)}")
        if not told:
            click.echo("All is well.")
    sys.exit(FOUND if wrong else os.EX_OK)


def _sentence(remark: Remark) -> str:
    return f"{remark.setting} {remark.detail}".strip()


def _source(found: Survey, setting: Setting) -> str:
    source = found.config.sources[setting.name]
    return "environment" if source == setting.variable else source


def _for_the_eye(found: Survey, setting: Setting) -> str:
    return "(wrong, see below)" if setting.name in found.wrong else shown(found.config, setting)


def _for_programs(found: Survey, setting: Setting) -> dict[str, Any]:
    value = found.config.values[setting.name]
    is_hidden = setting.is_secret or setting.name in found.wrong
    return {
        "value": None if is_hidden else without_password(value) if isinstance(value, str) else value,
        "is_set": found.config.sources[setting.name] != DEFAULT,
        "is_wrong": setting.name in found.wrong,
        "source": found.config.sources[setting.name],
        "variable": setting.variable,
        "meaning": setting.meaning,
    }


def _print(rows: list[tuple[str, str, str]]) -> None:
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.table import Table

        table = Table("setting", "value", "from")
        for row in rows:
            table.add_row(*row)
        Console().print(table)
        return
    widths = [max(len(row[place]) for row in rows) for place in range(2)]
    for variable, value, source in rows:
        click.echo(f"{variable:<{widths[0]}}  {value:<{widths[1]}}  {source}")


@click.command()
@click.option("--json", "json_wanted", is_flag=True, help="For programs.")
def version(json_wanted: bool) -> None:
    """Say which version this is, on which Python and SQLite, and up to which revision it knows the database."""
    import apsw

    from ticketing.storage.sql.migrate import latest_revision

    about = {
        "ticket": __version__,
        "python": platform.python_version(),
        "sqlite": apsw.sqlite_lib_version(),
        "database_revision": latest_revision(),
    }
    if json_wanted:
        as_json(about)
    else:
        click.echo(", ".join(f"{name.replace('_', ' ')} {value}" for name, value in about.items()))
