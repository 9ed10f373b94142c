"""`ticket migrate`, `backup`, `restore` and `doctor`."""

import os
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import apsw
import click

from ticketing.entry.cli.common import FOUND, as_json, configured, fail, progress
from ticketing.entry.config import Config
from ticketing.entry.keeping import RestoreRefused, back_up, look_over
from ticketing.entry.keeping import restore as restore_backup
from ticketing.entry.secret import SecretMissing, secret_file
from ticketing.storage.sql import migrate as migrations
from ticketing.storage.sql.backup import InUse, NotBackup
from ticketing.storage.sql.doctor import CHECKS, Finding, examine, remark
from ticketing.storage.sql.opening import CANNOT_OPEN
from ticketing.storage.sql.sqlite import connect

FREE_BYTES_MIN: Final = 1024**3
"""The log of changes grows to 160 MB and more under load, and an upgrade keeps a copy of the file."""

_json = click.option("--json", "json_wanted", is_flag=True, help="For programs.")
_file = click.Path(path_type=Path, dir_okay=False)


def _file_of(config: Config, command: str) -> Path:
    """The database file. Ends the command where the store is no file."""
    if config.database_file is None:
        fail(f"`ticket {command}` works on SQLite files so far, and not on {config.database_shown}.")
    return config.database_file


@click.command()
@click.option("--dry-run", is_flag=True, help="Do it and undo it: say whether it would go through.")
@click.option("--sql", "sql_wanted", is_flag=True, help="Print the SQL and change nothing.")
@_json
def migrate(dry_run: bool, sql_wanted: bool, json_wanted: bool) -> None:
    """Bring the database to this version, all of it or nothing. The server does so by itself when it starts.

    The state before is kept beside it as <name>.before-<revision>.db.
    """
    database = _file_of(configured(), "migrate")
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
    database = _file_of(config, "backup")
    if not database.exists():
        fail(f"{database} is not there.")
    try:
        with progress(f"backing up {database}", quiet=json_wanted) as tell:
            back_up(
                database,
                file,
                given_secret=config.optional("secret"),
                with_secret=not without_secret,
                now=datetime.now(UTC),
                progress=tell,
            )
    except FileExistsError:
        fail(f"{file} is there already; a backup is never written over.")
    except (SecretMissing, OSError, apsw.Error) as error:
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
    """Put the backup FILE where TICKET_DATABASE_URL says, with its secret. The server must not run."""
    config = configured()
    database = _file_of(config, "restore")
    if not file.exists():
        fail(f"{file} is not there.")
    try:
        with progress(f"restoring {file}", quiet=json_wanted) as tell:
            restored = restore_backup(file, database, replace=replace, verify=verify, progress=tell)
    except (RestoreRefused, NotBackup, InUse, *CANNOT_OPEN) as error:
        fail(str(error))
    except (OSError, apsw.Error) as error:
        fail(f"nothing was restored: {error}")
    if json_wanted:
        as_json(
            {
                "database": str(database),
                "made_at": restored.made_at,
                "with_secret": restored.has_secret,
                "verified": verify,
                "replaced": None if restored.replaced is None else str(restored.replaced),
            }
        )
        return
    click.echo(f"{database} is as it was at {restored.made_at}{', and was found sound' if verify else ''}.")
    if restored.replaced is not None:
        click.echo(f"What was there before is {restored.replaced}.")
    if not restored.has_secret and config.optional("secret") is None and not secret_file(database).exists():
        click.echo(f"The backup has no secret: put it into {secret_file(database)}, or set TICKET_SECRET.")


@click.command()
@click.argument("file", type=_file, required=False)
@_json
def doctor(file: Path | None, json_wanted: bool) -> None:
    """Look the data over, while the server runs, and name what is wrong. Repairs nothing.

    With FILE, a backup or another database is looked over. Ends with 0 where all is well, with 1 where something is wrong, and with
    2 where it cannot be looked at.
    """
    config = configured()
    database = file or _file_of(config, "doctor")
    if not database.exists():
        fail(f"{database} is not there.")
    remarks: list[Finding] = []
    try:
        findings = examine(database) if file else look_over(database, given_secret=config.optional("secret"))
        if file is None and shutil.disk_usage(database.parent).free < FREE_BYTES_MIN:
            findings.append(Finding("disk", str(database.parent), "is nearly full: a sale needs room to be written"))
        if not any(finding.check == "schema" for finding in findings):
            remarks = remark(database, now=datetime.now(UTC))
    except (apsw.NotADBError, apsw.CorruptError) as error:
        findings = [Finding("integrity", str(database), f"is damaged: {error}. Restore a backup")]
    except (SecretMissing, OSError, apsw.Error) as error:
        fail(f"{database} cannot be looked at: {error}")
    if json_wanted:
        as_json(
            {
                "database": str(database),
                "well": not findings,
                "findings": [_shown(finding) for finding in findings],
                "remarks": [_shown(remarked) for remarked in remarks],
            }
        )
    else:
        for finding in findings:
            click.echo(f"{finding.check}: {finding.subject}: {finding.detail}")
        for remarked in remarks:
            click.echo(f"worth knowing, not wrong: {remarked.subject}: {remarked.detail}")
        if not findings:
            click.echo(f"{database}: all is well ({len(CHECKS)} checks).")
    sys.exit(FOUND if findings else os.EX_OK)


def _shown(finding: Finding) -> dict[str, str]:
    return {"check": finding.check, "subject": finding.subject, "detail": finding.detail}
