"""`ticket config check` and `ticket version`."""

import platform
import sys

import click

from ticketing import __version__
from ticketing.entry.cli.common import as_json, configured
from ticketing.entry.config import SETTINGS, shown


@click.group()
def config() -> None:
    """The settings."""


@config.command()
@click.option("--json", "json_wanted", is_flag=True, help="For programs.")
def check(json_wanted: bool) -> None:
    """Show every setting with its value and where that is from. Secrets are not shown.

    Ends with 2 and every mistake where some are wrong.
    """
    config = configured()
    if json_wanted:
        as_json(
            {
                setting.name: {
                    "value": None if setting.is_secret else config.values[setting.name],
                    "is_set": config.values[setting.name] is not None,
                    "source": config.sources[setting.name],
                    "variable": setting.variable,
                    "meaning": setting.meaning,
                }
                for setting in SETTINGS
            }
        )
        return
    rows = [(setting.variable, shown(config, setting), config.sources[setting.name]) for setting in SETTINGS]
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
