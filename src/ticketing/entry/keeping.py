"""Backup, restore and examination of a house: its data together with its secret.

A store that is no file is backed up and examined as one, into which all of it is copied, and is restored from one.
"""

import asyncio
import hmac
import stat
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

import apsw

from ticketing import __version__
from ticketing.base.house import Keys
from ticketing.base.store import Store
from ticketing.base.times import written
from ticketing.entry.as_file import as_file
from ticketing.entry.copying import Tell, copy_store, source_name
from ticketing.entry.secret import MARKER, fingerprint, load_secret, secret_file, store_secret
from ticketing.sales.store import customer_name
from ticketing.storage.snapshots import knows_faults
from ticketing.storage.sql.backup import copy_database, free_name, put_in_place, read_beside, set_aside, unpacked
from ticketing.storage.sql.doctor import FINDINGS_PER_CHECK_MAX, Finding, examine, remark
from ticketing.storage.sql.migrate import latest_revision, revision_of, upgrade_sql
from ticketing.storage.sql.opening import open_store
from ticketing.storage.sql.sqlite import DamagedFile, connect

Progress = Callable[[int, int], None]

AGAIN_SECONDS: Final = 3.0
"""An order that is under way is through within milliseconds; what is found again after so long was no order under way."""


class RestoreRefused(RuntimeError):
    """The backup was not put in place; what was there is untouched."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What an examination found wrong, and what is worth knowing. A store that cannot be read as of one moment was looked at twice
    where something was found, and `findings` are those of both times."""

    findings: list[Finding]
    remarks: list[Finding]
    is_of_one_moment: bool


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did. `replaced` is where the former database lies now; `findings` what its examination found."""

    made_at: str
    has_secret: bool
    replaced: Path | None


def back_up(
    database: Path, target: Path, *, given_secret: str | None, with_secret: bool, now: datetime, progress: Progress
) -> None:
    """`target` has the data as it was at one moment, and the secret. Raises FileExistsError, SecretMissing."""
    beside = _beside(database, given_secret=given_secret, with_secret=with_secret, now=now)
    copy_database(database, target, beside=beside, progress=progress)


def _beside(database: Path | None, *, given_secret: str | None, with_secret: bool, now: datetime) -> dict[str, str]:
    beside = {"made_at": written(now), "made_by": f"ticket {__version__}"}
    if with_secret:
        beside["secret"] = load_secret(database, given=given_secret).decode()
    return beside


async def back_up_store(
    store: Store, target: Path, *, given_secret: str | None, with_secret: bool, now: datetime, tell: Tell
) -> None:
    """`target` has the data of a store that is no file, and the secret, as a backup of a file has them.

    It is of one moment, not before `now`, where the store takes snapshots; otherwise nobody may write to it meanwhile. Raises
    FileExistsError, SecretMissing, CopyFailed.
    """
    beside = _beside(None, given_secret=given_secret, with_secret=with_secret, now=now)
    async with as_file(store, folder=target.parent, compare=True, tell=tell) as made:
        copy_database(made.path, target, beside=beside)


async def restore_into(backup: Path, store: Store, *, given_secret: str | None, verify: bool, tell: Tell) -> Restored:
    """The backup's data is in a store that is no file, which was empty, and was compared record by record.

    A restore that was interrupted goes on when it is begun again. Raises RestoreRefused, NotBackup, DamagedFile, NewerFile,
    SecretMissing, CopyFailed.
    """
    beside = read_beside(backup)
    keys = Keys(load_secret(None, given=given_secret))
    kept = beside.get("secret")
    if kept is not None and not hmac.compare_digest(kept.encode(), keys.master):
        raise RestoreRefused(
            "TICKET_SECRET is not the one that the backup holds. With another one, every ticket code and order link that was given out "
            f"would be refused. It stands in the table ticket_backup of {backup}."
        )
    with tempfile.TemporaryDirectory(prefix="ticket-restore-") as made:
        database = unpacked(backup, Path(made) / "ticket.db").rename(Path(made) / "ticket.db")
        _refuse_newer(database)
        source = open_store(database)
        try:
            if verify:
                _refuse_unsound(backup, [*examine(database), *_other_secret(database, keys, "TICKET_SECRET")])
            made_at = beside.get("made_at", "")
            await copy_store(source, store, name=source_name(f"backup {made_at}", fingerprint(keys)), tell=tell)
        finally:
            await source.close()
    return Restored(made_at, kept is not None, replaced=None)


def _refuse_unsound(backup: Path, findings: list[Finding]) -> None:
    if findings:
        listed = "; ".join(f"{finding.subject}: {finding.detail}" for finding in findings[:10])
        raise RestoreRefused(f"{backup} is not sound ({len(findings)} findings), so it was not put in place: {listed}.")


def restore(backup: Path, database: Path, *, replace: bool, verify: bool, progress: Progress) -> Restored:
    """The backup's database and secret are in place. With `replace`, those that were there are kept under other names.

    With `verify`, all of it is examined before it is put in place. Raises RestoreRefused, NotBackup, DamagedFile, NewerFile, InUse.
    """
    beside = read_beside(backup)
    if database.exists() and not replace:
        raise RestoreRefused(f"{database} is there already. With --replace it is kept under another name.")
    secret = beside.get("secret")
    own_secret = secret_file(database)
    if secret is not None and own_secret.exists() and own_secret.read_text().strip() != secret and not replace:
        raise RestoreRefused(
            f"{own_secret} holds another secret than the backup. With --replace it is kept under another name."
        )
    database.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = unpacked(backup, database, progress=progress)
    try:
        _refuse_newer(partial)
        if verify:
            _refuse_unsound(backup, examine(partial))
        replaced = set_aside(database) if database.exists() else None
        if secret is not None:
            _place_secret(own_secret, secret, replaced=replaced)
        put_in_place(partial, database)
    finally:
        partial.unlink(missing_ok=True)
    return Restored(beside.get("made_at", ""), secret is not None, replaced)


def _refuse_newer(database: Path) -> None:
    connection = apsw.Connection(str(database))
    try:
        revision = revision_of(connection, database)
    finally:
        connection.close()
    if revision is None:
        raise DamagedFile(f"{database} is empty.")
    if revision != latest_revision():
        upgrade_sql(revision)


def _place_secret(path: Path, secret: str, *, replaced: Path | None) -> None:
    if path.exists():
        if path.read_text().strip() == secret:
            return
        aside = free_name(path, "former") if replaced is None else replaced.with_suffix(path.suffix)
        path.rename(aside)
    store_secret(path, secret)


def look_over(database: Path, *, given_secret: str | None) -> list[Finding]:
    """Everything that is wrong with the database and its secret. Raises apsw.Error where it cannot be read at all."""
    secret = _secret_findings(database, given_secret)
    keys = None if secret else Keys(load_secret(database, given=given_secret))
    return [*examine(database, customer_of=None if keys is None else partial(customer_name, keys)), *secret]


def _secret_findings(database: Path, given: str | None) -> list[Finding]:
    path = secret_file(database)
    if given is None:
        if not path.exists():
            return [Finding("secret", str(path), "is missing: put it back from a backup")]
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            return [Finding("secret", str(path), "can be read by others: chmod 600")]
    return _other_secret(database, Keys(load_secret(database, given=given)), str(path))


def _other_secret(database: Path, keys: Keys, subject: str) -> list[Finding]:
    """That the data was made with another secret, where it was."""
    connection = connect(database, readonly=True)
    try:
        marker = connection.execute("select target_id from uniques where name = ?", (MARKER,)).fetchone()
    finally:
        connection.close()
    if marker is not None and not hmac.compare_digest(str(marker[0]), fingerprint(keys)):
        return [Finding("secret", subject, "is not the one with which this data was made: put the right one back")]
    return []


async def look_over_store(
    store: Store,
    *,
    given_secret: str | None,
    now: Callable[[], datetime],
    tell: Tell,
    again_seconds: float = AGAIN_SECONDS,
) -> Looked:
    """Everything that is wrong with a store that is no file, and with its secret; it may be in use. Raises CopyFailed.

    All of it is copied into a file, which is examined like any other. Where the store cannot be read as of one moment, orders that are
    written meanwhile look like faults: what was found is looked for again after a moment, and only what is found twice is told.
    """
    knowing = knows_faults(store)
    faults = [] if knowing is None else (await knowing.faults())[:FINDINGS_PER_CHECK_MAX]
    schema = [Finding("schema", fault.subject, fault.detail) for fault in faults]
    if any(fault.hides for fault in faults):
        return Looked(schema, [], is_of_one_moment=True)
    looked = await _looked(store, given_secret, now, tell)
    found = looked.findings
    if found and not looked.is_of_one_moment:
        await asyncio.sleep(again_seconds)
        looked = await _looked(store, given_secret, now, tell)
        before = {(finding.check, finding.subject) for finding in found}
        found = [finding for finding in looked.findings if (finding.check, finding.subject) in before]
    return replace(looked, findings=[*schema, *found])


async def _looked(store: Store, given_secret: str | None, now: Callable[[], datetime], tell: Tell) -> Looked:
    async with as_file(store, folder=None, compare=False, tell=tell) as made:
        if given_secret is None:
            keys, secret = None, [Finding("secret", "TICKET_SECRET", "is not set")]
        else:
            keys = Keys(given_secret.encode())
            secret = _other_secret(made.path, keys, "TICKET_SECRET")
        findings = examine(made.path, customer_of=None if keys is None or secret else partial(customer_name, keys))
        return Looked([*findings, *secret], remark(made.path, now=now()), made.is_of_one_moment)
