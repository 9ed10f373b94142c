"""The reads and records of users, sessions, API keys and devices."""

from collections.abc import Iterable

from ticketing.accounts.model import ApiKey, Device, Link, Purpose, Scope, Session, User, UserType, email_marker
from ticketing.base.bounds import API_KEYS_PER_USER_MAX, PAGE_LIMIT_MAX
from ticketing.base.changes import Pool
from ticketing.base.store import Page, Store
from ticketing.base.tables import Record
from ticketing.schema.tables import API_KEYS, DEVICES, LINKS, SESSIONS, UNIQUES, USERS, index


def user_of(record: Record) -> User:
    """The user in a row of `users`."""
    return User(
        user_id=record["user_id"],
        username=record["username"],
        email=record["email"],
        password=record["password"],
        first_name=record["first_name"],
        last_name=record["last_name"],
        phone=record["phone"],
        address=record["address"],
        user_type=UserType(record["user_type"]),
        organizer_requested=record["organizer_requested"],
        created_date_time=record["created_date_time"],
        version=record["version"],
        login_generation=record["login_generation"],
        email_proven_at=record["email_proven_at"],
    )


def user_record(user: User) -> Record:
    """The row of `users` for a user."""
    return {
        "user_id": user.user_id,
        "username": user.username,
        "email": user.email,
        "password": user.password,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "phone": user.phone,
        "address": user.address,
        "user_type": user.user_type.value,
        "user_shard": None if user.user_type is UserType.GUEST else "0",
        "admin_shard": "0" if user.user_type is UserType.ADMIN else None,
        "organizer_requested": user.organizer_requested,
        "login_generation": user.login_generation,
        "api_keys_available": API_KEYS_PER_USER_MAX,  # as a new user begins; a replacement leaves pools alone
        "created_date_time": user.created_date_time,
        "version": user.version,
        "email_proven_at": user.email_proven_at,
    }


async def read_user(store: Store, user_id: str) -> User | None:
    """The user with this id."""
    record = await store.get(USERS, (user_id,))
    return None if record is None else user_of(record)


async def read_user_by_email(store: Store, email: str) -> User | None:
    """The user with a login whose address this is."""
    marker = await store.get(UNIQUES, (email_marker(email),))
    return None if marker is None else await read_user(store, marker["target_id"])


async def read_markers(store: Store, names: Iterable[str]) -> dict[str, str]:
    """Which of these names in `uniques` are given away, and to whose id."""
    found = await store.get_many(UNIQUES, [(name,) for name in names])
    return {record["name"]: record["target_id"] for record in found if record is not None}


def session_of(record: Record) -> Session:
    """The session in a row of `sessions`."""
    return Session(**record)


def session_record(session: Session) -> Record:
    """The row of `sessions` for a session."""
    return {name: getattr(session, name) for name in SESSIONS.column_names}


async def read_session(store: Store, session_id: str) -> Session | None:
    """The session with this id."""
    record = await store.get(SESSIONS, (session_id,))
    return None if record is None else session_of(record)


def link_of(record: Record) -> Link:
    """The link in a row of `links`."""
    return Link(**{**record, "purpose": Purpose(record["purpose"])})


def link_record(link: Link) -> Record:
    """The row of `links` for a link."""
    return {name: getattr(link, name) for name in LINKS.column_names} | {"purpose": link.purpose.value}


async def read_link(store: Store, link_id: str) -> Link | None:
    """The link in this place, as it is now: a later one may stand where an earlier one ran out."""
    record = await store.get(LINKS, (link_id,))
    return None if record is None else link_of(record)


async def read_links(store: Store, link_ids: Iterable[str]) -> dict[str, Link]:
    """Those of these links that there are, by id."""
    found = await store.get_many(LINKS, [(link_id,) for link_id in link_ids])
    return {record["link_id"]: link_of(record) for record in found if record is not None}


async def api_keys_of_user(store: Store, user_id: str) -> list[ApiKey]:
    """All API keys of this user, of which there are at most `API_KEYS_PER_USER_MAX`."""
    page = await store.query(index("api_keys_by_user"), user_id, limit=API_KEYS_PER_USER_MAX)
    return [api_key_of(record) for record in page.records]


def api_key_of(record: Record) -> ApiKey:
    """The API key in a row of `api_keys`."""
    return ApiKey(**{**record, "scopes": tuple(Scope(scope) for scope in record["scopes"])})


def api_key_record(key: ApiKey) -> Record:
    """The row of `api_keys` for a key."""
    return {name: getattr(key, name) for name in API_KEYS.column_names} | {
        "scopes": [scope.value for scope in key.scopes]
    }


async def read_api_key(store: Store, api_key_id: str) -> ApiKey | None:
    """The API key with this id."""
    record = await store.get(API_KEYS, (api_key_id,))
    return None if record is None else api_key_of(record)


def device_of(record: Record) -> Device:
    """The device in a row of `devices`."""
    return Device(**record)


def device_record(device: Device) -> Record:
    """The row of `devices` for a device."""
    return {name: getattr(device, name) for name in DEVICES.column_names}


async def read_device(store: Store, device_id: str) -> Device | None:
    """The device with this id."""
    record = await store.get(DEVICES, (device_id,))
    return None if record is None else device_of(record)


async def page_of_users(store: Store, *, limit: int, cursor: str | None) -> Page:
    """Rows of users with a login, oldest first."""
    return await store.query(index("users_with_login"), "0", limit=limit, cursor=cursor)


async def read_another_admin(store: Store, *, besides: str) -> User | None:
    """An admin who is not the user `besides`. The index nominates; whoever relies on the answer checks the version."""
    cursor: str | None = None
    while True:
        page = await store.query(index("admins"), "0", cursor=cursor)
        for record in page.records:
            if record["user_id"] == besides:
                continue
            nominated = await read_user(store, record["user_id"])
            if nominated is not None and nominated.user_type is UserType.ADMIN:
                return nominated
        cursor = page.next_cursor
        if cursor is None:
            return None


async def sessions_of_user(store: Store, user_id: str) -> list[Session]:
    """Up to a hundred log-ins of this user, oldest first, those that are over among them."""
    page = await store.query(index("sessions_by_user"), user_id, limit=PAGE_LIMIT_MAX)
    return [session_of(record) for record in page.records]


async def page_of_api_keys(store: Store, user_id: str, *, limit: int, cursor: str | None) -> Page:
    """Rows of a user's API keys, oldest first."""
    return await store.query(index("api_keys_by_user"), user_id, limit=limit, cursor=cursor)


def api_keys_pool(user_id: str) -> Pool:
    """How many more API keys this user may have."""
    return Pool(USERS, (user_id,), "api_keys_available")
