"""What is printed of one admission, in words: made where orders are known, drawn by `pdf.py` and `wallet.py`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sheet:
    """What is printed of one admission, as people read it. `colour` is the poster's ground; `notice` is empty unless something is off."""

    event_name: str
    day: str
    time: str
    place: tuple[str, ...]
    ticket_type: str
    holder: str
    price: str
    order_code: str
    human_code: str
    code: str
    terms: str
    notice: str
    link: str
    colour: tuple[float, float, float]
