"""The master secret: read from the settings or from its file, made where there is none, and told apart from a wrong one."""

import hmac
import secrets
from pathlib import Path
from typing import Final

from ticketing.base.changes import Insert
from ticketing.base.house import House, Keys
from ticketing.base.store import Conflict
from ticketing.entry.config import SECRET_LENGTH_MIN
from ticketing.schema.tables import UNIQUES

MARKER: Final = "secret#fingerprint"
"""The row of `uniques` that names the secret with which the data was made, by a fingerprint that tells nothing else."""


class SecretMissing(RuntimeError):
    """There is data, but the secret with which its codes and tokens were made is gone."""


class SecretWrong(RuntimeError):
    """The secret is not the one with which the data was made."""


def secret_file(database: Path) -> Path:
    """Where the secret of a database lies."""
    return database.with_suffix(".secret")


def load_secret(database: Path | None, *, given: str | None) -> bytes:
    """The master secret: the one that is `given`, or that of the file, or a new one that is stored there for its owner alone.

    Raises SecretMissing where there is a database, but no secret: a new one would make every code and token worthless. A store that
    is no file (None) has no place beside it that every process sees: there it must be given.
    """
    if given is not None:
        return given.encode()
    if database is None:
        raise SecretMissing(
            "The data does not lie in a file, so that no secret can lie beside it. Set TICKET_SECRET, the same for every process, to "
            f"at least {SECRET_LENGTH_MIN} random characters, and keep a copy: "
            "python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
        )
    path = secret_file(database)
    if not path.exists():
        if database.exists() and database.stat().st_size > 0:
            raise SecretMissing(
                f"{database} is there, but its secret {path} is not. Put it back from a backup, or set TICKET_SECRET. With another "
                "secret, every ticket code and order link that was ever given out would be refused."
            )
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        store_secret(path, secrets.token_urlsafe(32))
    secret = path.read_text(encoding="ascii").strip()
    if len(secret) < SECRET_LENGTH_MIN:
        raise SecretMissing(f"{path} does not hold a secret. Put it back from a backup.")
    return secret.encode()


def store_secret(path: Path, secret: str) -> None:
    """The secret is in this file, durable, for its owner alone; one that is there already stays."""
    from ticketing.storage.sql.backup import new_partial, put_in_place  # on AWS there is no file, nor the driver of one

    partial = new_partial(path)
    try:
        partial.write_text(secret + "\n", encoding="ascii")
        put_in_place(partial, path)
    except FileExistsError:
        partial.unlink()  # another process that started at the same moment was first


def fingerprint(keys: Keys) -> str:
    """What tells one secret from another and nothing else."""
    return keys.derive("fingerprint").hex()[:32]


async def refuse_other_secret(house: House) -> None:
    """Nothing, where the data was made with this secret, or there is none yet. Raises SecretWrong."""
    own = fingerprint(house.keys)
    marker = await house.store.get(UNIQUES, (MARKER,))
    if marker is None:
        try:
            await house.store.commit((Insert(UNIQUES, {"name": MARKER, "target_id": own}),))
        except Conflict as conflict:
            marker = conflict.found  # another process that started at the same moment was first
    if marker is not None and not hmac.compare_digest(str(marker["target_id"]), own):
        raise SecretWrong(
            "The secret (TICKET_SECRET, or the file beside the database) is not the one with which this data was made. With it, every "
            "ticket code and order link that was given out would be refused. Put the right one back."
        )
