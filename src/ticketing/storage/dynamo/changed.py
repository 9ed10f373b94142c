"""What is stored beside listings that are written, so that searches in other processes hear of it."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from ticketing.base.tables import Record
from ticketing.base.times import written

SHARD: Final = "0"
CHANGES_KEPT: Final = timedelta(days=7)
"""How long a change is told to those that ask."""


def change_of(event_ids: Iterable[str], *, now: datetime) -> Record:
    """What is stored beside listings that are written."""
    return {
        "shard": SHARD,
        "change_id": f"{written(now)}#{uuid4().hex}",
        "events": sorted(event_ids),
        "expires_at": now + CHANGES_KEPT,
    }
