"""What pages and the API show of accounts: users for admins, the own API keys."""

from datetime import datetime

from ticketing.accounts.model import Principal, Session, User
from ticketing.accounts.permissions import Right, demand, demand_own
from ticketing.accounts.rules import session_stands
from ticketing.accounts.store import page_of_api_keys, page_of_users, read_user, sessions_of_user
from ticketing.base.errors import NotFound
from ticketing.base.house import House
from ticketing.base.store import Page


async def users(house: House, who: Principal, *, limit: int, cursor: str | None) -> Page:
    """Rows of all users with a login, oldest first. Raises Unauthenticated, NotFound for all but admins."""
    demand(who, Right.MANAGE_USERS)
    return await page_of_users(house.store, limit=limit, cursor=cursor)


async def user_for_admin(house: House, who: Principal, user_id: str) -> User:
    """This user. Raises Unauthenticated, NotFound for all but admins."""
    demand(who, Right.MANAGE_USERS)
    user = await read_user(house.store, user_id)
    if user is None:
        raise NotFound
    return user


async def own_sessions(house: House, who: Principal, *, now: datetime) -> list[Session]:
    """The asking user's sessions that stand, the newest first. Raises Unauthenticated, NotFound for an API key."""
    user = demand_own(who, Right.CHANGE_OWN_ACCOUNT)
    sessions = await sessions_of_user(house.store, user.user_id)
    return [session for session in reversed(sessions) if session_stands(session, user, now=now)]


async def own_api_keys(house: House, who: Principal, *, limit: int, cursor: str | None) -> Page:
    """Rows of the asking user's API keys, oldest first. Raises Unauthenticated, NotFound for an API key."""
    user = demand_own(who, Right.MANAGE_KEYS)
    return await page_of_api_keys(house.store, user.user_id, limit=limit, cursor=cursor)
