"""Backup, restore and examination of a house: its database together with its secret."""

import hmac
import stat
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import apsw

from ticketing import __version__
from ticketing.base.house import Keys
from ticketing.base.times import written
from ticketing.entry.secret import MARKER, fingerprint, load_secret, secret_file, store_secret
from ticketing.sales.store import customer_name
from ticketing.storage.sql.backup import copy_database, free_name, put_in_place, read_beside, set_aside, unpacked
from ticketing.storage.sql.doctor import Finding, examine
from ticketing.storage.sql.migrate import latest_revision, revision_of, upgrade_sql
from ticketing.storage.sql.sqlite import DamagedFile, connect

Progress = Callable[[int, int], None]


class RestoreRefused(RuntimeError):
    """The backup was not put in place; what was there is untouched."""


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
    beside = {"made_at": written(now), "made_by": f"ticket {__version__}"}
    if with_secret:
        beside["secret"] = load_secret(database, given=given_secret).decode()
    copy_database(database, target, beside=beside, progress=progress)


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
            findings = examine(partial)
            if findings:
                listed = "; ".join(f"{finding.subject}: {finding.detail}" for finding in findings[:10])
                raise RestoreRefused(
                    f"{backup} is not sound ({len(findings)} findings), so it was not put in place: {listed}."
                )
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
    connection = connect(database, readonly=True)
    try:
        marker = connection.execute("select target_id from uniques where name = ?", (MARKER,)).fetchone()
    finally:
        connection.close()
    own = fingerprint(Keys(load_secret(database, given=given)))
    if marker is not None and not hmac.compare_digest(str(marker[0]), own):
        return [Finding("secret", str(path), "is not the one with which this data was made: put the right one back")]
    return []
