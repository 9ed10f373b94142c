"""What the doctor sees: nothing on a file that a random sale has been busy in, and each harm done to it by its own name."""

import asyncio
import shutil
from functools import partial
from pathlib import Path

import apsw
import pytest

from tests.proof.conftest import Busy
from tests.support.busy import busy_file
from ticketing.base.changes import Replace
from ticketing.sales.store import customer_name
from ticketing.schema.tables import TICKETS
from ticketing.storage.sql.books import BOUNDS, INVARIANTS, REMARKS
from ticketing.storage.sql.doctor import FINDINGS_PER_CHECK_MAX, Finding, examine, remark
from ticketing.storage.sql.opening import open_store

PAID = "(select order_id from orders where payment_status = 'completed' and total_amount > 0 limit 1)"
EXPIRED = "(select order_id from orders where payment_status = 'expired' and payments = '[]' limit 1)"
VOID = "(select admission_id from admissions where status = 'void' and not holds_place limit 1)"
NOT_ENTERED = (
    "admissions using (order_id) where status = 'valid' and admission_id not in (select admission_id from check_ins)"
)
VALID = f"(select admission_id from orders join {NOT_ENTERED} limit 1)"
INSIDE = "(select admission_id from admissions where entered_at is not null and status = 'used' limit 1)"
PUBLIC = "(select event_id from events where status = 'published' limit 1)"
DRAFT = "(select event_id from events where status = 'draft' limit 1)"
TYPE = f"(select ticket_id from tickets where event_id = {PUBLIC} limit 1)"
OTHER_TYPE = f"(select ticket_id from tickets where event_id = {DRAFT} limit 1)"

MOMENT = "'2027-03-02T00:00:00.000000Z'"

HARMS: tuple[tuple[str, str], ...] = (
    ("ticket_type_places", f"update tickets set quantity_available = quantity_available + 1 where ticket_id = {TYPE}"),
    ("blocks", f"update events set blocks_left = blocks_left - 1 where event_id = {PUBLIC}"),
    (
        "blocks ticket_type_places",
        f"insert into blocks select ticket_id || '.' || version || '.7', ticket_id, 2, 1 from tickets where ticket_id = {TYPE}",
    ),
    ("blocks", "insert into blocks values ('evt_gone.1.7', 'evt_gone', 0, 1)"),
    ("event_places", f"update events set capacity_available = capacity_available - 1 where event_id = {PUBLIC}"),
    (
        "event_allowances customer_allowances",
        "update allowances set balance = balance + 1 where rowid = (select min(rowid) from allowances)",
    ),
    (
        "customer_allowances",
        f"insert into allowances values ({PUBLIC}, 'usr_nobody', -1), ({PUBLIC}, 'usr_noone', 1)",
    ),
    (
        "customer_limits",
        f"update events set tickets_per_customer_max = 1, last_updated_date_time = '2027-01-01T00:00:00.000000Z' where event_id = {PUBLIC}",
    ),
    ("holds", "update orders set hold_shard = null where payment_status = 'pending'"),
    ("holds", f"update orders set hold_shard = '0' where order_id = {PAID}"),
    ("door_devices", f"update events set devices_available = devices_available - 1 where event_id = {PUBLIC}"),
    ("api_keys", "delete from api_keys"),
    (
        "order_lines",
        "insert into orders select 'ord_without_lines', event_id, user_id, account_user_id, order_date_time, 0, currency, 'expired', "
        f"expires_at, 0, 0, 0, customer_email, '', '', '[]', '[]', null, 1, null from orders where order_id = {EXPIRED}",
    ),
    (
        "order_lines",
        f"update order_details set ticket_id = {OTHER_TYPE} where order_id = {EXPIRED} and position = 0",
    ),
    ("order_totals", f"update orders set total_amount = total_amount + 1 where order_id = {EXPIRED}"),
    (
        "order_accounts",
        "update orders set account_user_id = (select user_id from users where user_type = 'organizer') where order_id = "
        "(select order_id from orders where account_user_id is not null limit 1)",
    ),
    (
        "order_admissions",
        f"insert into admissions select 'adm_too_many', event_id, (select order_id from orders where payment_status = 'cancelled' and "
        f"total_amount > 0 and event_id = admissions.event_id), ticket_id, user_id, '', '', '', 'void', 0, 1, null, null, 'x', "
        f"created_date_time, 1, null, null from admissions where admission_id = {VOID}",
    ),
    (
        "order_admissions ticket_type_places event_places event_allowances customer_allowances",
        f"delete from admissions where admission_id = {VALID}",
    ),
    (
        "admission_events",
        f"update admissions set event_id = {DRAFT} where admission_id = {VOID}",
    ),
    (
        "void_admissions",
        "update refunds set admissions = json_remove(admissions, '$[0]') where refund_id = "
        "(select refund_id from refunds where admissions <> '[]' limit 1)",
    ),
    (
        "void_admissions",
        "update refunds set admissions = "
        f"(select json_array(min(admission_id)) from orders join {NOT_ENTERED} and order_id = refunds.order_id) "
        f"where refund_id = (select refund_id from refunds join {NOT_ENTERED} and refunds.admissions = '[]' limit 1)",
    ),
    ("transfers", f"update admissions set transfer_id = 'trf_nobodys' where admission_id = {VALID}"),
    ("transfers", f"update admissions set offer_id = 'trf_nobodys' where admission_id = {VALID}"),
    (
        "transfers",
        f"insert into transfers select 'trf_unheld', admission_id, event_id, '', '', '', 'accepted', {MOMENT}, {MOMENT}, {MOMENT}, 1 "
        f"from admissions where admission_id = {VALID}",
    ),
    (
        "transfers",
        f"insert into transfers select 'trf_held', admission_id, event_id, '', '', '', 'accepted', {MOMENT}, {MOMENT}, {MOMENT}, 1 "
        f"from admissions where admission_id = {VALID}; update admissions set transfer_id = 'trf_held' where admission_id = "
        "(select admission_id from transfers where transfer_id = 'trf_held')",
    ),
    ("completion_facts", f"delete from untold; delete from facts where subject_id = {PAID}"),
    (
        "amounts_paid",
        f"update payments set payment_amount = payment_amount + 1 where order_id = {PAID} and payment_status = 'completed'",
    ),
    (
        "amounts_refunded",
        "update refunds set refund_amount = refund_amount - 1 where refund_id = "
        "(select refund_id from refunds where refund_amount > 1 limit 1)",
    ),
    ("order_states", f"update orders set payment_status = 'partially_refunded' where order_id = {PAID}"),
    (
        "refunds_of_payments",
        f"update refunds set payment_id = (select payment_id from payments where order_id = {PAID} and payment_status = 'completed') "
        "where refund_id = (select min(refund_id) from refunds)",
    ),
    (
        "payment_currencies",
        "update payments set currency = 'USD' where payment_id = (select max(payment_id) from payments where payment_status = 'declined')",
    ),
    ("payment_lists", f"update orders set payments = '[]' where order_id = {PAID}"),
    (
        "payment_lists",
        "update orders set payments = json_insert(payments, '$[#]', (select max(payment_id) from payments)) where order_id = "
        "(select order_id from orders where payments = '[]' limit 1)",
    ),
    ("refund_lists", "update orders set refunds = '[]' where order_id = (select max(order_id) from refunds)"),
    (
        "transactions",
        "delete from uniques where name = (select max(name) from uniques where name glob 'transaction#*')",
    ),
    (
        "transactions",
        "insert into uniques select 'transaction#x#cash#1', payment_id from payments where payment_status = 'declined' limit 1",
    ),
    ("admission_states", f"update admissions set status = 'used' where admission_id = {VALID}"),
    ("entries", f"update admissions set entered_at = null, entered_gate = null where admission_id = {INSIDE}"),
    ("entries", f"update admissions set entered_at = '2027-01-01T00:00:00.000000Z' where admission_id = {INSIDE}"),
    (
        "entries",
        "insert into check_ins select event_id, 'twice', fingerprint, admission_id, direction, result, answer, gate, scanned_by, "
        f"scanned_at, created_date_time from check_ins where result = 'admitted' and admission_id = {INSIDE} limit 1",
    ),
    (
        "doors",
        f"update check_ins set event_id = {DRAFT} where rowid = (select min(rowid) from check_ins where result = 'admitted')",
    ),
    (
        "entries_after_refund",
        "update check_ins set created_date_time = '2028-01-01T00:00:00.000000Z' where rowid = (select min(check_ins.rowid) "
        "from refunds, json_each(refunds.admissions) join check_ins on admission_id = json_each.value and result = 'admitted')",
    ),
    ("public_events", f"update events set public_shard = null where event_id = {PUBLIC}"),
    ("listings", f"delete from listings where event_id = {PUBLIC}"),
    (
        "listings",
        f"insert into listings select {DRAFT}, event_name, words, facets, start_date_time, end_date_time, 1 from listings limit 1",
    ),
    ("listings", f"update listings set start_date_time = '2027-01-01T00:00:00.000000Z' where event_id = {PUBLIC}"),
    ("search_index", f"delete from event_positions where event_id = {PUBLIC}"),
    ("search_index", "delete from event_search where rowid = (select min(position) from event_positions)"),
    (
        "ticket_type_lists",
        f"update events set ticket_types = json_remove(ticket_types, '$[0]') where event_id = {PUBLIC}",
    ),
    ("category_mappings", f"update events set categories = '[]' where event_id = {PUBLIC}"),
    ("category_mappings", f"update event_category_mapping set live_category = null where event_id = {PUBLIC}"),
    ("category_counts", "update event_categories set use_count = use_count + 1 where use_count = 0"),
    ("names_taken", "delete from uniques where name = 'email#ben@example.org'"),
    ("names_taken", "insert into uniques values ('username#nobody', 'usr_nobody')"),
)


def doctored(busy: Busy, path: Path) -> list[Finding]:
    """What the doctor finds in this file, knowing the names of its customers."""
    return examine(path, customer_of=partial(customer_name, busy.house.keys))


def harmed(busy: Busy, folder: Path, statement: str) -> Path:
    """A copy of the busy file after this statement, which changed something."""
    path = folder / "harmed.db"
    shutil.copyfile(busy.path, path)
    connection = apsw.Connection(str(path))
    connection.execute(statement)
    assert connection.changes() > 0, "the busy file has no such row"
    connection.close()
    return path


def test_a_file_in_which_a_random_sale_was_busy_is_sound(busy: Busy) -> None:
    assert doctored(busy, busy.path) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", [7, 8])
def test_other_random_sales_leave_sound_files_too(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "ticket.db"
    house = asyncio.run(busy_file(path, seed=seed))

    assert examine(path, customer_of=partial(customer_name, house.keys)) == []


@pytest.mark.parametrize(("checks", "statement"), HARMS)
def test_each_harm_is_found_by_its_name(busy: Busy, tmp_path: Path, checks: str, statement: str) -> None:
    findings = doctored(busy, harmed(busy, tmp_path, statement))

    assert {finding.check for finding in findings} == set(checks.split()), findings


def test_every_invariant_has_a_harm_that_it_finds() -> None:
    assert {check for checks, _ in HARMS for check in checks.split()} == {truth.name for truth in INVARIANTS}


def test_a_finding_names_the_thing_and_says_what_is_wrong_with_it(busy: Busy, tmp_path: Path) -> None:
    path = harmed(busy, tmp_path, "update event_categories set use_count = 5 where category_name = 'Nobody''s'")
    connection = apsw.Connection(str(path))
    category_id = connection.execute("select category_id from event_categories where use_count = 5").get
    connection.close()

    assert doctored(busy, path) == [Finding("category_counts", str(category_id), "counts 5 events, and 0 have it")]


def test_without_the_secret_allowances_are_compared_by_event(busy: Busy, tmp_path: Path) -> None:
    path = harmed(
        busy, tmp_path, "update allowances set balance = balance - 1 where rowid = (select min(rowid) from allowances)"
    )

    assert [finding.check for finding in examine(path)] == ["event_allowances"]


def test_many_findings_of_one_kind_are_cut_short_and_say_so(busy: Busy, tmp_path: Path) -> None:
    path = harmed(
        busy,
        tmp_path,
        "with recursive numbers(value) as (select 1 union all select value + 1 from numbers where value < 500) "
        "insert into uniques select 'username#' || value, 'usr_' || value from numbers",
    )

    findings = doctored(busy, path)

    assert len(findings) == FINDINGS_PER_CHECK_MAX + 1
    assert findings[-1] == Finding("names_taken", "more", "there are more of these, which are not listed")


def test_the_doctor_changes_nothing(busy: Busy, tmp_path: Path) -> None:
    path = harmed(busy, tmp_path, f"update tickets set quantity_available = 1000 where ticket_id = {TYPE}")
    before = path.read_bytes()

    assert doctored(busy, path) != []
    assert path.read_bytes() == before


async def test_a_sale_that_goes_on_meanwhile_does_not_trouble_the_doctor(busy: Busy, tmp_path: Path) -> None:
    path = tmp_path / "ticket.db"
    shutil.copyfile(busy.path, path)
    store = open_store(path)
    stopping = False
    commits = 0

    async def sell() -> None:
        nonlocal commits
        ticket_types = [record async for record in store.scan(TICKETS)]
        while not stopping:
            for record in ticket_types:
                # Quantity and pool move together, so that a look between the two would find them apart.
                await store.commit(
                    (Replace(TICKETS, record | {"quantity": record["quantity"] + 1}, {"quantity_available": 1}),)
                )
                record["version"], record["quantity"] = record["version"] + 1, record["quantity"] + 1
                commits += 1

    selling = asyncio.create_task(sell())
    found = [await asyncio.to_thread(doctored, busy, path) for _ in range(20)]
    stopping = True
    await selling
    await store.close()

    assert (found, commits > 20) == ([[]] * 20, True)


@pytest.mark.parametrize(
    ("name", "statement"),
    [
        ("below_nothing", f"update tickets set quantity_available = -1 where ticket_id = {TYPE}"),
        ("below_nothing", f"update events set capacity_available = -1 where event_id = {PUBLIC}"),
        ("over_limit", f"update events set tickets_per_customer_max = 1 where event_id = {PUBLIC}"),
        ("run_out_holds", "update orders set expires_at = '2027-01-01T00:00:00.000000Z' where hold_shard is not null"),
        ("refunds_due", "update refunds set refund_status = 'due'"),
        (
            "mails_given_up",
            "insert into deliveries select 'dlv_dead', fact_id, 'order_confirmed', 'x@example.org', 'en', null, null, '', 'dead', 40, "
            "null, created_date_time, 'smtp_550', created_date_time, null, created_date_time, 1 from facts limit 1",
        ),
        (
            "mails_that_wait",
            f"insert into deliveries select 'dlv_stuck', fact_id, 'order_confirmed', 'x@example.org', 'en', null, null, '', 'queued', 0, "
            f"'0', '2027-01-01T00:00:00.000000Z', null, {MOMENT}, null, {MOMENT}, 1 from facts limit 1",
        ),
        ("answers_kept_too_long", "update idempotency set expires_at = '2027-01-01T00:00:00.000000Z'"),
    ],
)
def test_what_is_worth_knowing_and_not_wrong_is_remarked(busy: Busy, tmp_path: Path, name: str, statement: str) -> None:
    path = harmed(busy, tmp_path, statement)

    assert name in {remarked.check for remarked in remark(path, now=busy.house.clock.now())}


def test_every_remark_is_made_by_a_test() -> None:
    names = {"below_nothing", "over_limit", "run_out_holds", "refunds_due", "answers_kept_too_long"}
    names |= {"mails_given_up", "mails_that_wait"}

    assert {truth.name for truth in REMARKS} == names


def test_a_limit_that_was_lowered_under_what_customers_have_is_no_finding(busy: Busy, tmp_path: Path) -> None:
    path = harmed(
        busy,
        tmp_path,
        f"update events set tickets_per_customer_max = 1, last_updated_date_time = '2028-01-01T00:00:00.000000Z' where event_id = {PUBLIC}",
    )

    assert doctored(busy, path) == []


GROWN = """
with recursive numbers(number) as (select 1 union all select number + 1 from numbers where number < :count),
  chosen as (select tickets.event_id, ticket_id, organizer_user_id from tickets join events using (event_id)
    where status = 'published' limit 1),
  somebody as (select user_id from users where user_type = 'guest' limit 1)
insert into {table} {columns} select {values} from numbers, chosen, somebody
"""
NOON = "'2027-03-01T12:00:00.000000Z'"
PAID_ORDERS: tuple[tuple[str, str, str], ...] = (
    (
        "orders",
        "",
        f"'ord_' || number, event_id, user_id, null, {NOON}, 2500, 'EUR', 'completed', {NOON}, 0, 2500, 0, 'buyer' || number, '', '', "
        "json_array('pay_' || number), json_array('ref_' || number), null, 1, null",
    ),
    (
        "order_details",
        "(order_id, ticket_id, quantity, unit_amount, subtotal_amount, position)",
        "'ord_' || number, ticket_id, 1, 2500, 2500, 0",
    ),
    (
        "payments",
        "",
        f"'pay_' || number, 'ord_' || number, {NOON}, 2500, 'EUR', 'test', 'tx' || number, 'completed', {NOON}, 1",
    ),
    (
        "refunds",
        "",
        f"'ref_' || number, 'ord_' || number, 'pay_' || number, {NOON}, 1, 'EUR', '', json_array('adm_' || number), 'completed', 1",
    ),
    ("uniques", "", "'transaction#' || organizer_user_id || '#test#tx' || number, 'pay_' || number"),
    (
        "admissions",
        "",
        "'adm_' || number, event_id, 'ord_' || number, ticket_id, user_id, '', '', '', 'used', 1, 1, "
        f"{NOON}, null, 'h' || number, {NOON}, 1, null, null",
    ),
    (
        "check_ins",
        "",
        f"event_id, 's' || number, '', 'adm_' || number, 'entry', 'admitted', '{{}}', null, 'x', {NOON}, {NOON}",
    ),
    (
        "facts",
        "",
        f"'fct_' || number, 'order.completed', organizer_user_id, event_id, 'ord_' || number, '{{}}', {NOON}",
    ),
    ("allowances", "", "event_id, 'buyer' || number, -1"),
    (
        "users",
        "",
        f"'usr_' || number, null, 'x', null, '', '', null, null, 'guest', null, null, 0, 1, 50, {NOON}, 1, null",
    ),
    (
        "event_categories",
        "",
        f"'cat_' || number, 'c' || number, '0', 0, {NOON}, 1",
    ),
)


def steps_of(busy: Busy, folder: Path, count: int) -> dict[str, int]:
    """How many steps of SQLite's machine each invariant takes in a file with so many paid orders more, in hundreds."""
    path = folder / f"{count}.db"
    shutil.copyfile(busy.path, path)
    connection = apsw.Connection(str(path))
    connection.pragma("foreign_keys", False)

    def customer_of(*arguments: object) -> str:
        return str(arguments[0])

    connection.create_scalar_function("customer_of", customer_of, 1, deterministic=True)
    with connection:
        for table, columns, values in PAID_ORDERS:
            connection.execute(GROWN.format(table=table, columns=columns, values=values), {"count": count})
    steps = 0

    def step() -> bool:
        nonlocal steps
        steps += 1
        return False

    connection.set_progress_handler(step, 100)
    taken: dict[str, int] = {}
    for truth in INVARIANTS:
        steps = 0
        connection.execute(truth.query, BOUNDS).fetchall()
        taken[truth.name] = steps
    connection.close()
    return taken


def test_the_work_of_each_invariant_grows_with_the_file_and_no_faster(busy: Busy, tmp_path: Path) -> None:
    few, many = steps_of(busy, tmp_path, 500), steps_of(busy, tmp_path, 4_000)

    grown = {name: round(many[name] / max(few[name], 1), 1) for name in few if many[name] > 500}

    assert len(grown) > 10
    assert {name: times for name, times in grown.items() if times > 12} == {}
