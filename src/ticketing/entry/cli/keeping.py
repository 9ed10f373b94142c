"""`ticket migrate`, `backup`, `restore` and `doctor`."""

import asyncio
import os
import shutil
import sys
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeVar

import apsw
import click

from ticketing.base.store import Busy, Store
from ticketing.entry.cli.common import FOUND, as_json, configured, fail, progress
from ticketing.entry.cli.copying import told
from ticketing.entry.config import Config
from ticketing.entry.copying import CopyFailed
from ticketing.entry.keeping import (
    Looked,
    RestoreRefused,
    back_up,
    back_up_store,
    look_over,
    look_over_store,
    restore_into,
)
from ticketing.entry.keeping import restore as restore_backup
from ticketing.entry.secret import SecretMissing, secret_file
from ticketing.storage.opening import POSTGRESQL, CannotOpen, Opened, kind_of, open_any, open_to_read
from ticketing.storage.sql import migrate as migrations
from ticketing.storage.sql.backup import InUse, NotBackup
from ticketing.storage.sql.doctor import CHECKS, Finding, examine, remark
from ticketing.storage.sql.opening import CANNOT_OPEN
from ticketing.storage.sql.sqlite import connect

FREE_BYTES_MIN: Final = 1024**3
"""The log of changes grows to 160 MB and more under load, and an upgrade keeps a copy of the file."""

Done = TypeVar("Done")

_json = click.option("--json", "json_wanted", is_flag=True, help="For programs.")
_file = click.Path(path_type=Path, dir_okay=False)


def _on_store(
    config: Config, work: Callable[[Store], Coroutine[None, None, Done]], *, opener: Callable[[str], Opened] = open_any
) -> Done:
    """What `work` returns, done on the store of the settings, which is closed afterwards. Raises CannotOpen."""

    async def done() -> Done:
        opened = opener(config.text("database_url"))
        try:
            return await work(opened.store)
        except Busy as busy:
            raise CannotOpen("It does not answer any more.") from busy
        finally:
            await opened.store.close()

    return asyncio.run(done())


@click.command()
@click.option("--dry-run", is_flag=True, help="Do it and undo it: say whether it would go through.")
@click.option("--sql", "sql_wanted", is_flag=True, help="Print the SQL and change nothing.")
@_json
def migrate(dry_run: bool, sql_wanted: bool, json_wanted: bool) -> None:
    """Bring the database to this version, all of it or nothing. The server does so by itself when it starts.

    The state before a file was changed is kept beside it as <name>.before-<revision>.db.
    """
    config = configured()
    if config.database_file is None:
        _migrate_elsewhere(config, dry_run=dry_run, sql_wanted=sql_wanted, json_wanted=json_wanted)
        return
    database = config.database_file
    latest = migrations.latest_revision()
    try:
        before = _revision(database)
        if sql_wanted:
            click.echo(migrations.upgrade_sql(before) if before != latest else f"-- {database} has revision {latest}.")
            return
        if before is None and dry_run:
            migrated = migrations.Migrated(None, latest, None)
        elif before is None:
            from ticketing.storage.sql.opening import open_store

            open_store(database).engine.close()
            migrated = migrations.Migrated(None, latest, None)
        else:
            migrated = migrations.migrate(database, only_try=dry_run)
    except CANNOT_OPEN as error:
        fail(str(error))
    except apsw.Error as error:
        fail(f"{database} was not migrated, and is as it was: {error}.")
    if json_wanted:
        as_json(
            {
                "database": str(database),
                "before": migrated.before,
                "after": migrated.after,
                "backup": None if migrated.backup is None else str(migrated.backup),
                "dry_run": dry_run,
            }
        )
    elif migrated.before == migrated.after:
        click.echo(f"{database} has revision {migrated.after}: nothing to do.")
    else:
        verb = "would go" if dry_run else "went"
        click.echo(f"{database} {verb} from {migrated.before or 'nothing'} to revision {migrated.after}.")
        if migrated.backup is not None:
            click.echo(f"The state before is {migrated.backup}.")


def _migrate_elsewhere(config: Config, *, dry_run: bool, sql_wanted: bool, json_wanted: bool) -> None:
    """A store that is no file has the tables of this version."""
    url, shown = config.text("database_url"), config.database_shown
    is_postgres = kind_of(url) == POSTGRESQL
    if (dry_run or sql_wanted) and not is_postgres:
        fail(f"--dry-run and --sql are for SQLite and PostgreSQL, and not for {shown}.")
    before, after = None, migrations.latest_revision()
    try:
        if is_postgres:
            from ticketing.storage.sql.postgres.opening import migrate_now, script_of

            if sql_wanted:
                click.echo(
                    "".join(f"{statement};\n" for statement in script_of(url)) or f"-- {shown} has revision {after}."
                )
                return
            before = migrate_now(url, only_try=dry_run).before
        else:
            _on_store(config, _nothing_more)
    except CannotOpen as error:
        fail(str(error))
    if json_wanted:
        as_json({"database": shown, "before": before, "after": after, "dry_run": dry_run})
    elif not is_postgres or before == after:
        click.echo(f"{shown} has revision {after}.")
    else:
        click.echo(f"{shown} {'would go' if dry_run else 'went'} from {before or 'nothing'} to revision {after}.")


async def _nothing_more(_store: Store) -> None:
    """The store was opened, which makes its tables."""


def _revision(database: Path) -> str | None:
    if not database.exists():
        return None
    connection = connect(database)
    try:
        return migrations.revision_of(connection, database)
    finally:
        connection.close()


@click.command()
@click.argument("file", type=_file)
@click.option(
    "--without-secret",
    is_flag=True,
    help="Leave the secret out; then keep it elsewhere: without it codes are worthless.",
)
@_json
def backup(file: Path, without_secret: bool, json_wanted: bool) -> None:
    """Copy data and secret into FILE, as they are at one moment, while the server runs.

    FILE must not exist. It is readable by its owner alone: whoever has it has everybody's data, and can make tickets.
    """
    config = configured()
    database = config.database_file
    if database is not None and not database.exists():
        fail(f"{database} is not there.")
    try:
        if file.exists():
            raise FileExistsError(file)
        secret, kept, now = config.optional("secret"), not without_secret, datetime.now(UTC)
        if database is not None:
            with progress(f"backing up {database}", quiet=json_wanted) as tell:
                back_up(database, file, given_secret=secret, with_secret=kept, now=now, progress=tell)
        else:
            with told(quiet=json_wanted) as tell_tables:
                _on_store(
                    config,
                    lambda store: back_up_store(
                        store, file, given_secret=secret, with_secret=kept, now=now, tell=tell_tables
                    ),
                    opener=open_to_read,
                )
    except FileExistsError:
        fail(f"{file} is there already; a backup is never written over.")
    except (SecretMissing, CannotOpen, CopyFailed, OSError, apsw.Error) as error:
        fail(f"no backup was made: {error}")
    if json_wanted:
        as_json({"backup": str(file), "bytes": file.stat().st_size, "with_secret": not without_secret})
    else:
        what = "without the secret" if without_secret else "with the secret"
        click.echo(f"{file}: {file.stat().st_size:,} bytes, {what}.")


@click.command()
@click.argument("file", type=_file)
@click.option("--verify", is_flag=True, help="Examine all of it first, as `ticket doctor` does.")
@click.option(
    "--replace", is_flag=True, help="Put it in place of a database that is there, which is kept under another name."
)
@_json
def restore(file: Path, verify: bool, replace: bool, json_wanted: bool) -> None:
    """Put the backup FILE where TICKET_DATABASE_URL says, with its secret. The server must not run.

    A store that is no file must be empty; a restore into it that was interrupted goes on when it is run again.
    """
    config = configured()
    database = config.database_file
    if not file.exists():
        fail(f"{file} is not there.")
    if database is None and replace:
        fail(f"{config.database_shown} is not replaced: restore into an empty database.")
    try:
        if database is not None:
            with progress(f"restoring {file}", quiet=json_wanted) as tell:
                restored = restore_backup(file, database, replace=replace, verify=verify, progress=tell)
        else:
            with told(quiet=json_wanted) as tell_tables:
                secret = config.optional("secret")
                restored = _on_store(
                    config,
                    lambda store: restore_into(file, store, given_secret=secret, verify=verify, tell=tell_tables),
                )
    except (RestoreRefused, NotBackup, InUse, SecretMissing, CannotOpen, CopyFailed, *CANNOT_OPEN) as error:
        fail(str(error))
    except (OSError, apsw.Error) as error:
        fail(f"nothing was restored: {error}")
    if json_wanted:
        as_json(
            {
                "database": config.database_shown,
                "made_at": restored.made_at,
                "with_secret": restored.has_secret,
                "verified": verify,
                "replaced": None if restored.replaced is None else str(restored.replaced),
            }
        )
        return
    click.echo(
        f"{config.database_shown} is as it was at {restored.made_at}{', and was found sound' if verify else ''}."
    )
    if restored.replaced is not None:
        click.echo(f"What was there before is {restored.replaced}.")
    if database is None or restored.has_secret or config.optional("secret") is not None:
        return
    if not secret_file(database).exists():
        click.echo(f"The backup has no secret: put it into {secret_file(database)}, or set TICKET_SECRET.")


@click.command()
@click.argument("file", type=_file, required=False)
@_json
def doctor(file: Path | None, json_wanted: bool) -> None:
    """Look the data over, while the server runs, and what the house needs around it. Name what is wrong; repair nothing.

    Around it are the mail server, the certificate of the public address, room on the disk, and PostgreSQL's clock and connections.
    With FILE, a backup or another database is looked over, and that alone. Ends with 0 where all is well, with 1 where something is
    wrong, and with 2 where it cannot be looked at.
    """
    config = configured()
    database = file or config.database_file
    shown = config.database_shown if database is None else str(database)
    if database is not None and not database.exists():
        fail(f"{database} is not there.")
    try:
        if database is not None:
            looked = _looked_at_file(database, config, is_own=file is None)
        else:
            with told(quiet=True) as tell:
                secret = config.optional("secret")
                looked = _on_store(
                    config,
                    lambda store: look_over_store(store, given_secret=secret, now=lambda: datetime.now(UTC), tell=tell),
                    opener=open_to_read,
                )
    except (apsw.NotADBError, apsw.CorruptError) as error:
        looked = Looked([Finding("integrity", shown, f"is damaged: {error}. Restore a backup")], [], True)
    except (SecretMissing, CannotOpen, CopyFailed, OSError, apsw.Error) as error:
        fail(f"{shown} cannot be looked at: {error}")
    if file is None:
        looked = _with_surroundings(looked, config)
    if json_wanted:
        as_json(
            {
                "database": shown,
                "well": not looked.findings,
                "of_one_moment": looked.is_of_one_moment,
                "findings": [_shown(finding) for finding in looked.findings],
                "remarks": [_shown(remarked) for remarked in looked.remarks],
            }
        )
    else:
        for finding in looked.findings:
            click.echo(f"{finding.check}: {finding.subject}: {finding.detail}")
        for remarked in looked.remarks:
            click.echo(f"worth knowing, not wrong: {remarked.subject}: {remarked.detail}")
        if not looked.findings:
            click.echo(f"{shown}: all is well ({len(CHECKS)} checks).")
        elif not looked.is_of_one_moment:
            click.echo(
                "This store cannot be read as of one moment. What stands here was found twice, some seconds apart; where much is sold "
                "it may still be orders that were under way: stop the servers and look again."
            )
    sys.exit(FOUND if looked.findings else os.EX_OK)


def _looked_at_file(database: Path, config: Config, *, is_own: bool) -> Looked:
    """A file may be in use: it is read as of one moment."""
    findings = look_over(database, given_secret=config.optional("secret")) if is_own else examine(database)
    if is_own and shutil.disk_usage(database.parent).free < FREE_BYTES_MIN:
        findings.append(Finding("disk", str(database.parent), "is nearly full: a sale needs room to be written"))
    if any(finding.check == "schema" for finding in findings):
        return Looked(findings, [], is_of_one_moment=True)
    return Looked(findings, remark(database, now=datetime.now(UTC)), is_of_one_moment=True)


def _with_surroundings(looked: Looked, config: Config) -> Looked:
    """What was seen of the data, and what is around it."""
    from ticketing.entry.surroundings import (
        look_around,  # it brings the mail with it, which no other command here needs
    )

    try:
        around = asyncio.run(look_around(config, now=lambda: datetime.now(UTC)))
    except CannotOpen as error:
        fail(str(error))
    return replace(looked, findings=[*looked.findings, *around.findings], remarks=[*looked.remarks, *around.remarks])


def _shown(finding: Finding) -> dict[str, str]:
    return {"check": finding.check, "subject": finding.subject, "detail": finding.detail}
