"""Events for tests: what an organizer sends, and values of the model that tests vary."""

from datetime import UTC, datetime
from typing import Any

from tests.support.houses import NOON, Api
from ticketing.base.bounds import POOL_MAX
from ticketing.events.model import Event, EventStatus, TicketType

CONCERT: dict[str, Any] = {
    "event_name": "Spring concert",
    "description": "Haydn, Webern, Beethoven.",
    "start_date_time": "2027-05-01T17:30:00Z",
    "end_date_time": "2027-05-01T20:00:00Z",
    "tags": ["strings", "matinée"],
    "image_url": "https://example.org/spring.jpg",
    "capacity": 500,
    "sales_start_date": "2027-02-01T08:00:00Z",
    "sales_end_date": "2027-05-01T17:00:00Z",
    "external_links": ["https://example.org/spring"],
    "timezone": "Europe/Vienna",
    "currency": "EUR",
    "tickets_per_customer_max": 4,
}
"""What an organizer sends to create an event; it is on sale at NOON of the standing clock."""

BALCONY: dict[str, Any] = {
    "ticket_type": "Balcony",
    "description": "Rows 1 to 6",
    "price": {"amount": 2500, "currency": "EUR"},
    "quantity": 200,
    "sale_start_date_time": None,
    "sale_end_date_time": None,
    "per_order_max": 10,
    "paused": False,
}
"""What an organizer sends to create a ticket type of CONCERT."""

KONZERTHAUS: dict[str, Any] = {
    "venue_name": "Konzerthaus",
    "city": "Vienna",
    "country": "AT",
    "capacity": 1800,
    "timezone": "Europe/Vienna",
}

AN_EVENT = Event(
    event_id="evt_spring",
    event_name="Spring concert",
    description="Haydn, Webern, Beethoven.",
    start_date_time=datetime(2027, 5, 1, 17, 30, tzinfo=UTC),
    end_date_time=datetime(2027, 5, 1, 20, 0, tzinfo=UTC),
    venue_id="ven_konzerthaus",
    organizer_user_id="usr_ada",
    categories=("cat_chamber",),
    tags=("strings",),
    image_url=None,
    capacity=None,
    capacity_available=POOL_MAX,
    ticket_types=("tty_balcony",),
    sales_start_date=None,
    sales_end_date=None,
    status=EventStatus.PUBLISHED,
    external_links=(),
    timezone="Europe/Vienna",
    currency="EUR",
    tickets_per_customer_max=None,
    created_date_time=NOON,
    last_updated_date_time=NOON,
    version=3,
)

A_TICKET_TYPE = TicketType(
    ticket_type_id="tty_balcony",
    event_id="evt_spring",
    ticket_type="Balcony",
    description="",
    price=2500,
    quantity=200,
    quantity_available=200,
    sale_start_date_time=None,
    sale_end_date_time=None,
    per_order_max=None,
    paused=False,
    created_date_time=NOON,
    version=1,
)


async def created(api: Api, path: str, body: dict[str, Any], *, token: str) -> str:
    """Posts the body; the path of what it created."""
    answer = await api.post(path, body, token=token)
    assert answer.status_code == 201, answer.text
    return answer.headers["location"]


async def published_concert(api: Api, *, token: str, **more: Any) -> str:
    """CONCERT with these other fields, published; its path."""
    path = await created(api, "/v1/events", CONCERT | more, token=token)
    answer = await api.post(f"{path}/publish", token=token)
    assert answer.status_code == 200, answer.text
    return path


def id_of(path: str) -> str:
    """The id at the end of a path."""
    return path.rpartition("/")[2]
