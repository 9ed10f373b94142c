"""What the bodies of these routes have in common."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Annotated, Any

from fastapi import Query
from pydantic import Field

from ticketing.base.bounds import (
    CANCELLATION_FEE_BP_MAX,
    CANCELLATION_HOURS_MAX,
    CAPACITY_MAX,
    QUANTITY_MAX,
    TAG_LENGTH_MAX,
)
from ticketing.base.times import shown
from ticketing.events.model import folded
from ticketing.web.bodies import Body, Name, Whole

Tag = Annotated[Name, Field(max_length=TAG_LENGTH_MAX)]
Capacity = Annotated[Whole, Field(ge=0, le=CAPACITY_MAX)]
Quantity = Annotated[Whole, Field(ge=0, le=QUANTITY_MAX)]
AtMost = Annotated[Whole, Field(ge=1, le=QUANTITY_MAX)]
CancellationHours = Annotated[Whole, Field(ge=0, le=CANCELLATION_HOURS_MAX)]
CancellationFee = Annotated[Whole, Field(ge=0, le=CANCELLATION_FEE_BP_MAX)]
Limit = Annotated[str | None, Query(description="How many at most, 1 to 100; 20 where it is not said.")]
Cursor = Annotated[str | None, Query(description="`next_cursor` of the page before.")]


def plain(body: Body, names: Iterable[str]) -> dict[str, Any]:
    """These fields of a body, lists as tuples that hold nothing twice; tags that differ in case only are one."""
    fields = {name: getattr(body, name) for name in names}
    for name, value in fields.items():
        if isinstance(value, list):
            fields[name] = _once(value, key=folded if name == "tags" else str)
    return fields


def _once(items: list[str], *, key: Callable[[str], str]) -> tuple[str, ...]:
    first: dict[str, str] = {}
    for item in items:
        first.setdefault(key(item), item)
    return tuple(first.values())


def shown_or_none(moment: datetime | None) -> str | None:
    """A moment as the API shows it; None where there is none."""
    return None if moment is None else shown(moment)
