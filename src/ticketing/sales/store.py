"""The reads and records of orders, their lines, guests and allowances."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Final
from zlib import crc32

from ticketing.accounts.model import User, UserType, normal_email
from ticketing.accounts.store import user_record
from ticketing.base.changes import Pool
from ticketing.base.house import House, Keys
from ticketing.base.ids import from_int
from ticketing.base.store import Page, Range, Store
from ticketing.base.tables import Record
from ticketing.sales.model import Customer, Order, OrderLine, PaymentStatus
from ticketing.schema.tables import ALLOWANCES, HOLD_SHARDS, ORDERS, index

LINES_READ_MAX = 100


def order_record(order: Order) -> Record:
    """The row of `orders` for an order."""
    pending = order.payment_status is PaymentStatus.PENDING
    customer = order.customer
    return {
        "order_id": order.order_id,
        "event_id": order.event_id,
        "user_id": order.user_id,
        "account_user_id": order.account_user_id,
        "order_date_time": order.order_date_time,
        "total_amount": order.total_amount,
        "currency": order.currency,
        "payment_status": order.payment_status.value,
        "expires_at": order.expires_at,
        "extensions": order.extensions,
        "amount_paid": order.amount_paid,
        "amount_refunded": order.amount_refunded,
        "customer_email": customer.email,
        "customer_first_name": customer.first_name,
        "customer_last_name": customer.last_name,
        "payments": list(order.payments),
        "refunds": list(order.refunds),
        "hold_shard": HOLD_SHARDS[crc32(order.order_id.encode()) % len(HOLD_SHARDS)] if pending else None,
        "version": order.version,
        "language": order.language,
    }


def order_of(record: Record, lines: tuple[OrderLine, ...]) -> Order:
    """The order in a row of `orders`, with its lines."""
    return Order(
        order_id=record["order_id"],
        event_id=record["event_id"],
        user_id=record["user_id"],
        account_user_id=record["account_user_id"],
        order_date_time=record["order_date_time"],
        total_amount=record["total_amount"],
        currency=record["currency"],
        payment_status=PaymentStatus(record["payment_status"]),
        expires_at=record["expires_at"],
        extensions=record["extensions"],
        amount_paid=record["amount_paid"],
        amount_refunded=record["amount_refunded"],
        customer=Customer(
            email=record["customer_email"],
            first_name=record["customer_first_name"],
            last_name=record["customer_last_name"],
        ),
        payments=tuple(record["payments"]),
        refunds=tuple(record["refunds"]),
        lines=lines,
        version=record["version"],
        language=record["language"],
    )


def line_record(order_id: str, line: OrderLine, position: int) -> Record:
    """The row of `order_details` for a line."""
    return {
        "order_id": order_id,
        "ticket_id": line.ticket_type_id,
        "quantity": line.quantity,
        "unit_amount": line.unit_amount,
        "subtotal_amount": line.subtotal_amount,
        "position": position,
    }


async def read_lines(store: Store, order_id: str) -> tuple[OrderLine, ...]:
    """The lines of an order as ordered. They never change once they are stored."""
    page = await store.query(index("order_details_by_order"), order_id, limit=LINES_READ_MAX)
    rows = sorted(page.records, key=lambda row: int(row["position"]))
    return tuple(OrderLine(row["ticket_id"], row["quantity"], row["unit_amount"]) for row in rows)


async def read_order(store: Store, order_id: str) -> Order | None:
    """The order with this id, and its lines."""
    record = await store.get(ORDERS, (order_id,))
    return None if record is None else order_of(record, await read_lines(store, order_id))


async def orders_of(store: Store, page: Page) -> list[Order]:
    """The orders of a page of rows, with their lines."""
    return [order_of(record, await read_lines(store, record["order_id"])) for record in page.records]


async def page_of_account(store: Store, user_id: str, *, limit: int, cursor: str | None) -> Page:
    """Rows of the orders of a user with a login, the newest first."""
    return await store.query(index("orders_by_account"), user_id, limit=limit, cursor=cursor, descending=True)


async def page_of_event(store: Store, event_id: str, *, limit: int, cursor: str | None) -> Page:
    """Rows of the orders for an event, the newest first."""
    return await store.query(index("orders_by_event"), event_id, limit=limit, cursor=cursor, descending=True)


async def page_of_run_out_holds(store: Store, shard: str, *, now: datetime, limit: int, cursor: str | None) -> Page:
    """Rows of orders of one shard whose hold ran out by `now`, as the index has it: they may be gone by now."""
    until = Range(end=now + timedelta(microseconds=1))
    return await store.query(index("orders_on_hold"), shard, within=until, limit=limit, cursor=cursor)


async def run_out_holds(store: Store, *, now: datetime, limit: int) -> list[str]:
    """Ids of the first orders of each shard, up to `limit` of each, whose hold ran out by `now`, as the index has it."""
    pages = [await page_of_run_out_holds(store, shard, now=now, limit=limit, cursor=None) for shard in HOLD_SHARDS]
    return [record["order_id"] for page in pages for record in page.records]


def allowance_pool(event_id: str, customer: str) -> Pool:
    """Minus what a customer has at an event, held or bought."""
    return Pool(ALLOWANCES, (event_id, customer), "balance")


def allowance_record(event_id: str, customer: str) -> Record:
    """The row of `allowances` of a customer who has nothing yet."""
    return {"event_id": event_id, "customer": customer, "balance": 0}


def guest_id(house: House, email: str) -> str:
    """The user id of the guest with this address: the same for the same address, and no way back without the master key."""
    return _guest_id(house.keys, email)


def _guest_id(keys: Keys, email: str) -> str:
    digest = hashlib.blake2b(normal_email(email).encode(), digest_size=16, key=keys.derive("guest ids")).digest()
    return from_int("usr", int.from_bytes(digest, "big"))


def allowance_name(house: House, email: str) -> str:
    """Under what name a customer's allowance is kept: by address, whatever follows a `+` in its local part left out."""
    return customer_name(house.keys, email)


def customer_name(keys: Keys, email: str) -> str:
    """The same for those who have the keys and no house."""
    if "+" not in email:
        return _guest_id(keys, email)
    local, _, domain = email.partition("@")
    return _guest_id(keys, f"{local.partition('+')[0]}@{domain}")


_GUEST: Final = user_record(
    User(
        user_id="",
        username=None,
        email="",
        password=None,
        first_name="",
        last_name="",
        phone=None,
        address=None,
        user_type=UserType.GUEST,
        organizer_requested=False,
        created_date_time=datetime.min.replace(tzinfo=UTC),
        version=1,
    )
)


def guest_record(user_id: str, customer: Customer, *, now: datetime) -> Record:
    """The row of `users` for a guest: without a login."""
    record = _GUEST.copy()
    record["user_id"] = user_id
    record["email"] = customer.email
    record["first_name"] = customer.first_name
    record["last_name"] = customer.last_name
    record["created_date_time"] = now
    return record
