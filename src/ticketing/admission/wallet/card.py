"""What a wallet shows of a ticket: made where orders are known, written by `apple.py` and `google.py`."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Card:
    """A ticket as wallets show it. `code` and `human_code` are None where it is good no more; then `is_off` as well.

    `card_id` changes with the code, so that a wallet never takes a new one for the old. Times are of the event's own zone;
    `latitude` and `longitude` are degrees as text, both or neither. `colour` is the poster's ground, from 0 to 1 each.
    """

    card_id: str
    event_id: str
    event_name: str
    starts_at: datetime
    ends_at: datetime
    has_date: bool
    venue_name: str
    address: str
    latitude: float | None
    longitude: float | None
    ticket_type: str
    holder: str
    order_code: str
    code: str | None
    human_code: str | None
    is_off: bool
    link: str
    colour: tuple[float, float, float]
    language: str

    @property
    def rgb(self) -> tuple[int, int, int]:
        """The colour, 0 to 255 each."""
        red, green, blue = (round(255 * part) for part in self.colour)
        return red, green, blue
