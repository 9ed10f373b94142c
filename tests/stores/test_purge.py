"""Rows whose time ran out are deleted, and no others."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.support.houses import NOON
from ticketing.accounts.model import Link, Purpose
from ticketing.accounts.store import link_record
from ticketing.base.changes import Claim, Insert, Replace
from ticketing.notify.model import MailKind
from ticketing.notify.rules import Wanted, delivery_of
from ticketing.notify.store import delivery_record
from ticketing.schema.tables import DELIVERIES, IDEMPOTENCY, LIMITS, LINKS, USERS
from ticketing.storage.sql.opening import open_store
from ticketing.storage.sql.purge import ROWS_PER_STEP, purge
from ticketing.storage.sql.sqlite import SqliteEngine


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[SqliteEngine]:
    engine = open_store(tmp_path / "ticket.db").engine
    assert isinstance(engine, SqliteEngine)
    yield engine
    engine.close()


def keep(engine: SqliteEngine, *names: str, until: datetime, now: datetime = NOON) -> None:
    """Answers are remembered under these names, each until then."""
    claims = [
        Claim(
            IDEMPOTENCY,
            {"idempotency_key": name, "fingerprint": "f", "status": 201, "answer": "a", "expires_at": until},
            now,
        )
        for name in names
    ]
    assert engine.apply([(claim,) for claim in claims]) == [None] * len(claims)


def names_left(engine: SqliteEngine) -> set[str]:
    return {name for (name,) in engine.reader.execute("select idempotency_key from idempotency")}


def test_what_ran_out_goes_and_what_did_not_stays(engine: SqliteEngine) -> None:
    keep(engine, "gone", until=NOON)
    keep(engine, "just gone", until=NOON + timedelta(hours=1))
    keep(engine, "kept", until=NOON + timedelta(hours=1, microseconds=1))

    count = purge(engine.path, now=NOON + timedelta(hours=1))

    assert (count, names_left(engine)) == (2, {"kept"})


def test_more_than_one_step_goes(engine: SqliteEngine) -> None:
    keep(engine, *(f"gone {number}" for number in range(2 * ROWS_PER_STEP + 3)), until=NOON)
    keep(engine, "kept", until=NOON + timedelta(hours=1))

    assert purge(engine.path, now=NOON) == 2 * ROWS_PER_STEP + 3
    assert names_left(engine) == {"kept"}


def test_an_old_row_that_was_taken_anew_does_not_hide_what_ran_out_behind_it(engine: SqliteEngine) -> None:
    keep(engine, "first", "second", until=NOON)
    keep(engine, "first", until=NOON + timedelta(hours=72), now=NOON)

    assert purge(engine.path, now=NOON) == 1
    assert names_left(engine) == {"first"}


def test_an_empty_file_has_nothing_to_purge(engine: SqliteEngine) -> None:
    assert purge(engine.path, now=NOON) == 0


def test_mails_and_links_go_when_nobody_needs_them_any_more(engine: SqliteEngine) -> None:
    wanted = Wanted(MailKind.ORDER_CONFIRMED, "ada@example.org", "en", None, None, "ord_1")
    mails = [delivery_of(wanted, fact_id=f"fct_{age}", now=NOON - timedelta(days=age)) for age in (200, 181, 1)]
    engine.apply([(Insert(DELIVERIES, delivery_record(mail)),) for mail in mails])
    user = {column.name: None for column in USERS.columns} | {
        "user_id": "usr_1", "email": "ada@example.org", "first_name": "", "last_name": "", "user_type": "regular",
        "organizer_requested": False, "login_generation": 1, "api_keys_available": 1, "created_date_time": NOON, "version": 1,
    }  # fmt: skip
    link = Link(
        "usr_1.login.0",
        "usr_1",
        Purpose.LOGIN,
        "n",
        "ada@example.org",
        1,
        "en",
        used=True,
        created_date_time=NOON,
        expires_at=NOON,
        version=1,
    )
    engine.apply([(Insert(USERS, user),)])
    engine.apply([(Insert(LINKS, link_record(link)),)])

    assert purge(engine.path, now=NOON) == 3
    kept = {name for (name,) in engine.reader.execute("select delivery_id from deliveries")}
    assert kept == {mails[2].delivery_id}


def test_buckets_that_are_renewed_do_not_hide_those_that_ran_out(engine: SqliteEngine) -> None:
    count = ROWS_PER_STEP + 1
    rows = [{"name": f"bucket {number}", "full_at": 1, "expires_at": NOON, "version": 1} for number in range(count)]
    engine.apply([(Insert(LIMITS, row),) for row in rows])
    engine.apply([(Replace(LIMITS, row | {"expires_at": NOON + timedelta(hours=1)}),) for row in rows[:-1]])

    assert purge(engine.path, now=NOON) == 1
