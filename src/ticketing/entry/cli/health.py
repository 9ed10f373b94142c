"""`ticket health`: what a container's health check asks."""

import http.client
import sys
from typing import Final

import click

from ticketing.entry.cli.common import FOUND, configured

SECONDS_MAX: Final = 4.0
"""The server itself gives its store two seconds for a read and two for a write."""
NOWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what listens everywhere is asked here


@click.command()
@click.option("--live", is_flag=True, help="Ask only whether it answers, and not whether it can sell.")
def health(live: bool) -> None:
    """Ask the server of these settings, on this machine, whether it can sell.

    Ends with 0 where it can, and with 1 and what is wrong where it cannot or does not answer.
    """
    config = configured()
    host, port = config.text("host"), config.number("port")
    path = f"{config.text('root_path')}/health/{'live' if live else 'ready'}"
    connection = http.client.HTTPConnection(NOWHERE.get(host, host), port, timeout=SECONDS_MAX)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        status, content = answer.status, answer.read(10_000).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        click.echo(f"ticket: nothing answers on {host}, port {port}: {error}.", err=True)
        sys.exit(FOUND)
    finally:
        connection.close()
    click.echo(content)
    sys.exit(0 if status == http.client.OK else FOUND)
