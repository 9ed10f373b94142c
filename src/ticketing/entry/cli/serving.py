"""`ticket serve` and `ticket demo`."""

import sys

import click

from ticketing.entry.cli.common import configured

_host = click.option("--host", help="Listen on this address instead of TICKET_HOST.")
_port = click.option("--port", help="Listen on this port instead of TICKET_PORT.")

_workers = click.option("--workers", help="So many server processes instead of TICKET_WORKERS.")


def _given(**options: str | None) -> dict[str, str]:
    return {name: value for name, value in options.items() if value is not None}


@click.command()
@_host
@_port
@_workers
def serve(host: str | None, port: str | None, workers: str | None) -> None:
    """Serve the API until SIGTERM or Ctrl-C.

    At first start the database, its secret and the first admin are made.
    """
    config = configured(given=_given(host=host, port=port, workers=workers))
    from ticketing.entry import server

    def tell() -> None:
        mode = ", test mode" if config.switch("test_mode") else ""
        click.echo(
            f"Ticket serves {config.base_url}{config.text('root_path')} (data in {config.database_shown}{mode})."
        )

    server.serve(config, when_listening=tell)


@click.command()
@_host
@_port
def demo(host: str | None, port: str | None) -> None:
    """Serve with real events loaded, in test mode, with data under var/.

    The events are loaded at first start: football matches, concerts and conferences, with past dates moved into the future.
    """
    config = configured(given=_given(host=host, port=port), defaults={"test_mode": True})
    from ticketing.entry import server
    from ticketing.entry.demo import load_demo
    from ticketing.entry.opening import OpenHouse

    async def prepare(opened: OpenHouse) -> None:
        if await load_demo(opened.house, admin_email=config.text("admin_email")):
            await opened.opened.tidy_search()

    def tell() -> None:
        address = f"{config.base_url}{config.text('root_path')}"
        banner = "TEST MODE: payments move no money" if config.switch("test_mode") else "test mode is off"
        for line in (
            "",
            f"  Ticket      {address}",
            f"  API         {address}/docs",
            f"  data        {config.database_shown}",
            f"  {banner}",
            "  Ctrl-C stops it" if sys.stdin.isatty() else "  SIGTERM stops it",
            "",
        ):
            click.echo(line)

    server.serve(config, when_prepared=prepare, when_listening=tell)
