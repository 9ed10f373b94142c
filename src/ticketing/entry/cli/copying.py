"""`ticket copy`: a whole store into another one."""

import asyncio
import hmac
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Final

import click

from ticketing.base.house import Keys
from ticketing.base.store import Busy
from ticketing.base.tables import Table
from ticketing.entry.cli.common import as_json, configured, fail
from ticketing.entry.config import BY_NAME, Wrong, without_password
from ticketing.entry.copying import Copied, CopyFailed, Outcome, Phase, Tell, copy_store, source_name
from ticketing.entry.secret import MARKER, SecretMissing, fingerprint, load_secret, secret_file, store_secret
from ticketing.schema.tables import UNIQUES
from ticketing.storage.opening import CannotOpen, Opened, file_of, open_any, open_to_read
from ticketing.storage.snapshots import takes_snapshots

LINE_EVERY: Final = 100_000
"""Records between two lines about one table, where there is no terminal."""
SAID: Final = {
    Outcome.COPIED: "are copied and compared: they are in",
    Outcome.WENT_ON: "are copied and compared, going on from an earlier run: they are in",
    Outcome.WAS_THERE: "were copied earlier, and are the same in",
}


def _url(_context: click.Context, _option: click.Parameter, given: str | None) -> str | None:
    if given is None:
        return None
    try:
        return str(BY_NAME["database_url"].read(given))
    except Wrong as wrong:
        raise click.BadParameter(str(wrong)) from wrong


@click.command()
@click.option("--from", "source", callback=_url, help="The store to copy, instead of TICKET_DATABASE_URL.")
@click.option(
    "--to", "target", callback=_url, help="The new or empty store to fill, instead of TICKET_DATABASE_URL with --from."
)
@click.option("--json", "json_wanted", is_flag=True, help="For programs.")
def copy(source: str | None, target: str | None, json_wanted: bool) -> None:
    """Copy all data into another store of any kind, and compare every record. Stop the servers first.

    The target must be empty. A copy that was interrupted goes on when it is run again, and changes nothing that is there. Nothing is
    written to the source, which must be of this version. PostgreSQL is copied as of one moment, so that a trial needs no stop. The
    secret must be the source's; beside a target that is a file it is put as well.
    """
    if source is None and target is None:
        raise click.UsageError("Name the store to copy (--from), the store to fill (--to), or both.")
    config = configured()
    source, target = source or config.text("database_url"), target or config.text("database_url")
    given = config.optional("secret")
    begun = time.monotonic()
    try:
        keys = _keys(source, target, given)
        with told(quiet=json_wanted) as tell:
            copied = asyncio.run(_copied(source, target, keys, tell))
        _hand_over_secret(source, target, given)
    except (CannotOpen, CopyFailed, SecretMissing) as error:
        fail(str(error))
    except Busy:
        fail("a store does not answer any more. Run this again to go on.")
    seconds = time.monotonic() - begun
    records = sum(copied.counts.values())
    if json_wanted:
        as_json(
            {
                "from": without_password(source),
                "to": without_password(target),
                "outcome": copied.outcome.value,
                "records": records,
                "tables": copied.counts,
                "seconds": round(seconds, 1),
            }
        )
        return
    click.echo(
        f"{records:,} records of {without_password(source)} {SAID[copied.outcome]} {without_password(target)}, in {seconds:.1f} s."
    )
    own = file_of(source)
    if given is None and own is not None and file_of(target) is None:
        click.echo(f"The servers on it need the same secret: set TICKET_SECRET to what is in {secret_file(own)}.")


def _keys(source: str, target: str, given: str | None) -> Keys:
    """The keys of the source. Raises CopyFailed where source or target cannot be meant, SecretMissing."""
    here, there = file_of(source), file_of(target)
    if here is not None and not here.exists():
        raise CopyFailed(f"{here} is not there.")
    if source == target or (here is not None and there is not None and here.resolve() == there.resolve()):
        raise CopyFailed("Source and target are the same.")
    secret = load_secret(here, given=given)
    beside = None if there is None or given is not None else secret_file(there)
    if beside is not None and beside.exists() and beside.read_bytes().strip() != secret:
        raise CopyFailed(f"{beside} holds another secret than the source's: give the target another name.")
    return Keys(secret)


def _hand_over_secret(source: str, target: str, given: str | None) -> None:
    """Beside a target that is a file lies the secret that lies beside the source."""
    here, there = file_of(source), file_of(target)
    if given is None and here is not None and there is not None:
        store_secret(secret_file(there), load_secret(here, given=None).decode())


async def _copied(source: str, target: str, keys: Keys, tell: Tell) -> Copied:
    reading = open_to_read(source)
    try:
        await _refuse_other_secret(reading, keys)
        writing = open_any(target)
        taking = takes_snapshots(reading.store)
        try:
            async with nullcontext(reading.store) if taking is None else taking.snapshot() as scanned:
                copied = await copy_store(
                    scanned, writing.store, name=source_name(_whole(source), fingerprint(keys)), tell=tell
                )
            await writing.tidy_search()
            return copied
        finally:
            await writing.store.close()
    finally:
        await reading.store.close()


def _whole(url: str) -> str:
    """The URL as it names the store from any folder and under any password."""
    file = file_of(url)
    return without_password(url) if file is None else str(file.resolve())


async def _refuse_other_secret(reading: Opened, keys: Keys) -> None:
    marker = await reading.store.get(UNIQUES, (MARKER,))
    if marker is not None and not hmac.compare_digest(str(marker["target_id"]), fingerprint(keys)):
        raise CopyFailed(
            "The secret (TICKET_SECRET, or the file beside the source) is not the one with which the source was made. With it, no code "
            "and no order link would be good in the target. Give the right one."
        )


@contextmanager
def told(*, quiet: bool) -> Iterator[Tell]:
    """What is done is shown on standard error: a moving line on a terminal, a line for each table elsewhere."""
    if quiet:
        yield lambda _phase, _table, _count, _through: None
    elif sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:,}"), TimeElapsedColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            tasks: dict[tuple[Phase, Table], TaskID] = {}

            def tell(phase: Phase, table: Table, count: int, through: bool) -> None:
                task = tasks.get((phase, table))
                if task is None:
                    task = tasks[phase, table] = bar.add_task(f"{phase.value} {table.name}", total=None)
                bar.update(task, completed=count, total=count if through else None, visible=not through)

            yield tell
    else:
        yield _Lines()


class _Lines:
    """A line for each table that has records, and one now and then for a large one."""

    def __init__(self) -> None:
        self._told: dict[tuple[Phase, Table], int] = {}

    def __call__(self, phase: Phase, table: Table, count: int, through: bool) -> None:
        if through and count:
            click.echo(f"{phase.value} {table.name}: {count:,}", err=True)
        elif count >= self._told.get((phase, table), 0) + LINE_EVERY:
            self._told[phase, table] = count
            click.echo(f"{phase.value} {table.name}: {count:,} so far", err=True)
