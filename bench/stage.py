"""A house for one measurement: a database of its own on the disk of this checkout, filled in this process, served by another."""

from __future__ import annotations

import asyncio
import http.client
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from bench.load import order_request
from bench.serve import REPOSITORY, Server, serving
from ticketing.accounts.store import read_user_by_email
from ticketing.base.house import House
from ticketing.entry.config import Config, read_config
from ticketing.entry.keeping import look_over
from ticketing.entry.opening import OpenHouse, open_house
from ticketing.entry.server import prepare
from ticketing.events.commits import insertion
from ticketing.events.model import EventWish, TicketTypeWish
from ticketing.events.rules import event_with, new_event, new_ticket_type, published_event
from ticketing.storage.sql.sqlite import connect

STAGES = (
    REPOSITORY / "var" / "bench"
)  # Beside the code and not under /tmp, which may be memory: durability costs nothing there.
ADMIN_EMAIL = "admin@example.com"
PRICE = 2_500
TICKETS_PER_CUSTOMER_MAX = 4


@dataclass(frozen=True, slots=True)
class Offered:
    """One ticket type on sale, alone at its event, whose capacity is just as large."""

    event_id: str
    ticket_type_id: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Stage:
    """A house in a folder. It is filled before it is served, and looked over afterwards."""

    folder: Path
    environment: Mapping[str, str]

    @property
    def database(self) -> Path:
        """The database file."""
        return self.folder / "ticket.db"

    @property
    def config(self) -> Config:
        """The settings with which it is served."""
        return read_config(self.environment, folder=self.folder)

    @contextmanager
    def opened(self) -> Iterator[OpenHouse]:
        """The house, open in this process."""
        house = open_house(self.config)
        try:
            yield house
        finally:
            asyncio.run(house.store.close())

    @contextmanager
    def served(self) -> Iterator[Server]:
        """A server process of this house, ready."""
        command = [sys.executable, "-m", "ticketing", "serve", "--port", "{port}"]
        log = self.folder / "server.log"
        with serving(command, stderr_path=log, environment=self.environment, folder=self.folder) as server:
            yield server

    def put_on_sale(self, quantities: Sequence[int]) -> list[Offered]:
        """For each quantity an event with one ticket type, on sale now, with a limit for each customer."""
        with self.opened() as opened:
            return asyncio.run(put_on_sale(opened.house, quantities))

    def left(self, offered: Offered) -> int:
        """How many places the database says are left. Asserts that event and ticket type agree."""
        of_type = self._number("select quantity_available from tickets where ticket_id = ?", offered.ticket_type_id)
        of_event = self._number("select capacity_available from events where event_id = ?", offered.event_id)
        assert of_type == of_event, f"{of_type} left of the ticket type, {of_event} of the event"
        return of_type

    def orders_stored(self, offered: Offered) -> int:
        """How many orders of an event the database has."""
        return self._number("select count(*) from orders where event_id = ?", offered.event_id)

    def _number(self, statement: str, parameter: str) -> int:
        connection = connect(self.database, readonly=True)
        try:
            [(number,)] = connection.execute(statement, (parameter,)).fetchall()
        finally:
            connection.close()
        assert isinstance(number, int)
        return number

    def findings(self) -> list[str]:
        """What `ticket doctor` finds wrong: nothing, where all is well."""
        return [
            f"{found.check}: {found.subject} {found.detail}" for found in look_over(self.database, given_secret=None)
        ]


@contextmanager
def stage(name: str) -> Iterator[Stage]:
    """A new, empty house with its first admin, gone afterwards."""
    STAGES.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=STAGES))
    try:
        yield begin(folder)
    finally:
        shutil.rmtree(folder)


def begin(folder: Path) -> Stage:
    """The house of this folder, made where there is none."""
    environment = {
        "TICKET_DATABASE_URL": f"sqlite:///{folder / 'ticket.db'}",
        "TICKET_RATE_LIMITS": "off",  # All comes from one address.
        "TICKET_TEST_MODE": "on",
        "TICKET_ADMIN_EMAIL": ADMIN_EMAIL,
        "TICKET_ADMIN_PASSWORD": "only for measurements",
        "TICKET_LOG_LEVEL": "warning",
    }
    begun = Stage(folder=folder, environment=environment)
    with begun.opened() as opened:
        asyncio.run(prepare(opened, begun.config))
    return begun


async def organizer_of(house: House) -> str:
    """The user whose events are sold."""
    admin = await read_user_by_email(house.store, ADMIN_EMAIL)
    assert admin is not None
    return admin.user_id


async def put_on_sale(house: House, quantities: Sequence[int], *, price: int = PRICE) -> list[Offered]:
    """For each quantity an event with one ticket type at this price, on sale now, with a limit for each customer."""
    organizer_user_id = await organizer_of(house)
    offered = []
    for quantity in quantities:
        now = house.clock.now()
        event = new_event(
            house.new_id("evt", now),
            _event_wish(quantity, now=now),
            organizer_user_id=organizer_user_id,
            venue=None,
            categories={},
            now=now,
        )
        type_wish = TicketTypeWish(
            ticket_type="General admission",
            description="Standing",
            price=price,
            currency="EUR",
            quantity=quantity,
            sale_start_date_time=None,
            sale_end_date_time=None,
            per_order_max=None,
            paused=False,
        )
        ticket_type = new_ticket_type(house.new_id("tty", now), event, type_wish, now=now)
        event = published_event(event_with(event, ticket_type.ticket_type_id, now=now), now=now)
        event = replace(event, version=1)
        await house.store.commit(insertion(event, venue=None, categories={}, ticket_types=(ticket_type,)))
        offered.append(Offered(event.event_id, ticket_type.ticket_type_id, quantity))
    return offered


def _event_wish(capacity: int, *, now: datetime) -> EventWish:
    return EventWish(
        event_name="Symphony No. 9, open air",
        description="One event that everybody wants at once.",
        start_date_time=now + timedelta(days=90),
        end_date_time=now + timedelta(days=90, hours=3),
        venue_id=None,
        categories=(),
        tags=("concert",),
        image_url=None,
        capacity=capacity,
        sales_start_date=None,
        sales_end_date=None,
        external_links=(),
        timezone="Europe/Vienna",
        currency="EUR",
        tickets_per_customer_max=TICKETS_PER_CUSTOMER_MAX,
    )


def order_one(server: Server, offered: Offered, *, run: str) -> bytes:
    """The body of the answer to one order: how long a real one is."""
    request = order_request(run=run, event_id=offered.event_id, ticket_type_id=offered.ticket_type_id)
    number = "0" * 10
    connection = http.client.HTTPConnection(server.host, server.port, timeout=10)
    try:
        headers = {name: value.replace("{number}", number) for name, value in request.headers.items()}
        connection.request("POST", request.path, request.body.replace("{number}", number), headers)
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    assert answer.status == http.client.CREATED, body
    assert json.loads(body)["order_id"]
    return body
