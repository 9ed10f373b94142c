"""What happened, stored in the commit in which it happens, to be told later."""

from datetime import datetime
from typing import Any

from ticketing.base.changes import Insert
from ticketing.base.house import House
from ticketing.base.times import shown
from ticketing.schema.tables import FACTS, UNTOLD, UNTOLD_SHARDS


def happened(
    house: House,
    kind: str,
    *,
    whose: str,
    event_id: str | None,
    subject_id: str,
    now: datetime,
    **content: Any,
) -> tuple[Insert, Insert]:
    """The changes that store a fact and that it is still to be told. `whose` is the user whose business it is: an event's organizer.

    `content` is for the world to read, so nothing secret may be in it.
    """
    fact_id = house.new_id("fct", now)
    shard = UNTOLD_SHARDS[ord(fact_id[-1]) % len(UNTOLD_SHARDS)]
    return (
        Insert(
            FACTS,
            {
                "fact_id": fact_id,
                "kind": kind,
                "organizer_user_id": whose,
                "event_id": event_id,
                "subject_id": subject_id,
                "content": {"at": shown(now), **content},
                "created_date_time": now,
            },
        ),
        Insert(UNTOLD, {"untold_shard": shard, "fact_id": fact_id, "told_up_to": None, "version": 1}),
    )
