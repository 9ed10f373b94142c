"""`ticket import`."""

import asyncio
import sys
from pathlib import Path

import click

from ticketing.accounts.model import UserType
from ticketing.accounts.store import read_user_by_email
from ticketing.base.bounds import IMPORT_BYTES_MAX
from ticketing.base.errors import Refusal
from ticketing.entry.cli.common import FOUND, Progress, as_json, configured, fail, progress
from ticketing.entry.config import Config
from ticketing.entry.opening import CANNOT_START, open_house
from ticketing.entry.server import prepare
from ticketing.importing.actions import Loaded, load
from ticketing.importing.events_csv import read_events_csv
from ticketing.importing.model import Import
from ticketing.importing.sources import SOURCES, shipped, with_tickets


@click.command("import")
@click.argument("source", type=click.Choice([*SOURCES, "csv"]))
@click.argument("files", type=click.Path(path_type=Path), nargs=-1)
@click.option("--as", "email", metavar="EMAIL", help="Whose events they become: an organizer, or else the first admin.")
@click.option(
    "--with-tickets", "tickets_wanted", is_flag=True, help="Make up ticket types and prices where there are none."
)
@click.option("--json", "json_wanted", is_flag=True, help="For programs.")
def import_events(
    source: str, files: tuple[Path, ...], email: str | None, tickets_wanted: bool, json_wanted: bool
) -> None:
    """Load events from SOURCE and publish them. A second run adds what is new and nothing twice.

    csv takes one FILE (docs/importing.md says how it is written). Of a public source, FILES are its files or the folder that has
    them; without FILES the copy in the package is read. Every wrong record is named, and the others go in; then it ends with 1.
    """
    config = configured()
    content = _read(source, files)
    if tickets_wanted:
        content = with_tickets(content)
    try:
        with progress(f"loading {source}", quiet=json_wanted) as tell:
            loaded = asyncio.run(_load(config, email or config.text("admin_email"), content, tell))
    except CANNOT_START as error:
        fail(str(error))
    except Refusal as refusal:
        fail(f"the import stopped, and what went in stays: {refusal.detail} Run it again to go on.")
    if json_wanted:
        as_json(
            {
                "venues": loaded.venues,
                "events": loaded.events,
                "ticket_types": loaded.ticket_types,
                "known_events": loaded.known_events,
                "mistakes": [{"place": mistake.place, "reason": mistake.reason} for mistake in loaded.mistakes],
            }
        )
    else:
        for mistake in loaded.mistakes:
            click.echo(f"{mistake.place}: {mistake.reason}", err=True)
        click.echo(
            f"{loaded.events} events with {loaded.ticket_types} ticket types and {loaded.venues} venues are new; "
            f"{loaded.known_events} events were there already; {len(loaded.mistakes)} mistakes."
        )
    sys.exit(FOUND if loaded.mistakes else 0)


def _read(source: str, files: tuple[Path, ...]) -> Import:
    if source == "csv":
        if len(files) != 1:
            fail("csv takes one file: ticket import csv FILE")
        return read_events_csv(_content(files[0]), file_name=files[0].name)
    if not files:
        return shipped(source)
    names = SOURCES[source].file_names
    paths = [files[0] / name for name in names] if len(files) == 1 and files[0].is_dir() else list(files)
    if len(paths) != len(names):
        fail(f"{source} consists of {' and '.join(names)}: name them in this order, or their folder.")
    return SOURCES[source].read(*map(_content, paths))


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(IMPORT_BYTES_MAX + 1)  # one more than the readers take, so that they say what is wrong
    except OSError as error:
        fail(f"{path} cannot be read: {error.strerror}.")


async def _load(config: Config, email: str, content: Import, tell: Progress) -> Loaded:
    opened = open_house(config)
    try:
        await prepare(opened, config)
        user = await read_user_by_email(opened.house.store, email)
        if user is None or user.user_type not in (UserType.ORGANIZER, UserType.ADMIN):
            fail(f"{email} is no organizer here. Sign up and become one first, or name another with --as.")
        loaded = await load(opened.house, user.user_id, content, now=opened.house.clock.now(), progress=tell)
        await opened.opened.tidy_search()
        return loaded
    finally:
        await opened.store.close()
