"""What the demo begins with: real events, loaded at first start."""

from typing import Final

from ticketing.accounts.store import read_user_by_email
from ticketing.base.changes import Insert
from ticketing.base.house import House
from ticketing.base.store import Conflict
from ticketing.entry.cli.common import progress
from ticketing.importing.actions import load
from ticketing.importing.sources import SOURCES, for_the_demo, shipped
from ticketing.schema.tables import UNIQUES

LOADED: Final = "demo#loaded"
"""The row of `uniques` that says that all of it went in; until then a start goes on where the last one stopped."""


async def load_demo(house: House, *, admin_email: str) -> bool:
    """Whether this call gave the house the real events that ship in the package, as the first admin's. Later starts leave all as it is."""
    if await house.store.get(UNIQUES, (LOADED,)) is not None:
        return False
    admin = await read_user_by_email(house.store, admin_email)
    if admin is None:
        return False  # the data was begun under another address: it is somebody's own, and no demo
    now = house.clock.now()
    for name in SOURCES:
        with progress(f"loading {name}") as tell:
            await load(house, admin.user_id, for_the_demo(shipped(name), now=now), now=now, progress=tell)
    try:
        await house.store.commit((Insert(UNIQUES, {"name": LOADED, "target_id": admin.user_id}),))
    except Conflict:
        return False  # another process was as fast
    return True
