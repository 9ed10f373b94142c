"""Events with sold tickets, ready for the door: what tests of admissions and check-ins begin with."""

from datetime import timedelta

from ticketing.accounts.store import read_session
from ticketing.admission.model import Admission, Attendee
from ticketing.admission.rules import new_admissions
from ticketing.admission.signing import code_of, signer_of
from ticketing.admission.store import admission_record
from ticketing.base.bounds import POOL_MAX
from ticketing.base.changes import Insert
from ticketing.base.house import House
from ticketing.base.tables import Record
from ticketing.events.model import Event, EventStatus, TicketType
from ticketing.events.store import event_record, ticket_type_record
from ticketing.schema.tables import ADMISSIONS, EVENTS, ORDERS, TICKETS

ADA = Attendee(email="ada@example.org", first_name="Ada", last_name="Lovelace")


async def user_id_of(house: House, token: str) -> str:
    """The user whose session token this is."""
    session = await read_session(house.store, token.partition(".")[0])
    assert session is not None
    return session.user_id


async def hold_event(house: House, organizer_token: str, event_name: str = "Concert") -> str:
    """A published event of this organizer is stored, with one ticket type whose id is the event's with `tty`; the event's id."""
    now = house.clock.now()
    event_id = house.new_id("evt", now)
    start = now + timedelta(days=30)
    event = Event(
        event_id=event_id,
        event_name=event_name,
        description="",
        start_date_time=start,
        end_date_time=start + timedelta(hours=2),
        venue_id=None,
        organizer_user_id=await user_id_of(house, organizer_token),
        categories=(),
        tags=(),
        image_url=None,
        capacity=None,
        capacity_available=POOL_MAX,
        ticket_types=(ticket_type_of_event(event_id),),
        sales_start_date=None,
        sales_end_date=None,
        status=EventStatus.PUBLISHED,
        external_links=(),
        timezone="Europe/Vienna",
        currency="EUR",
        tickets_per_customer_max=None,
        created_date_time=now,
        last_updated_date_time=now,
        version=1,
    )
    await house.store.commit((Insert(EVENTS, event_record(event)),))
    await add_ticket_type(house, event_id, ticket_type_of_event(event_id))
    return event_id


def ticket_type_of_event(event_id: str) -> str:
    """The id of the ticket type that `hold_event` makes."""
    return event_id.replace("evt", "tty")


async def add_ticket_type(house: House, event_id: str, ticket_type_id: str) -> None:
    """A ticket type that is sold out is stored."""
    ticket_type = TicketType(
        ticket_type_id=ticket_type_id,
        event_id=event_id,
        ticket_type="Standing",
        description="",
        price=2500,
        quantity=10,
        quantity_available=0,
        sale_start_date_time=None,
        sale_end_date_time=None,
        per_order_max=None,
        paused=False,
        created_date_time=house.clock.now(),
        version=1,
    )
    await house.store.commit((Insert(TICKETS, ticket_type_record(ticket_type)),))


async def sell(
    house: House,
    event_id: str,
    buyer_token: str,
    *,
    quantity: int = 1,
    attendee: Attendee = ADA,
    ticket_type_id: str | None = None,
) -> tuple[Admission, ...]:
    """A paid order of this buyer is stored with its admissions."""
    now = house.clock.now()
    order_id = house.new_id("ord", now)
    user_id = await user_id_of(house, buyer_token)
    order: Record = dict.fromkeys(ORDERS.column_names) | {
        "order_id": order_id,
        "event_id": event_id,
        "user_id": user_id,
        "account_user_id": user_id,
        "order_date_time": now,
        "total_amount": 0,
        "currency": "EUR",
        "payment_status": "completed",
        "expires_at": now,
        "extensions": 0,
        "amount_paid": 0,
        "amount_refunded": 0,
        "payments": [],
        "refunds": [],
        "customer_email": attendee.email,
        "customer_first_name": attendee.first_name,
        "customer_last_name": attendee.last_name,
        "version": 1,
    }
    admissions = new_admissions(
        order_id=order_id,
        event_id=event_id,
        user_id=user_id,
        attendee=attendee,
        lines=((ticket_type_id or ticket_type_of_event(event_id), quantity),),
        human_code=signer_of(house.keys).human_code,
        now=now,
    )
    inserts = (Insert(ADMISSIONS, admission_record(admission)) for admission in admissions)
    await house.store.commit((Insert(ORDERS, order), *inserts))
    return admissions


def shown_code(house: House, admission: Admission) -> str:
    """The code of an admission that is not void."""
    code = code_of(house.keys, admission)
    assert code is not None
    return code
