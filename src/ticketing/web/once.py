"""`Idempotency-Key`: the same request again finds the first answer, byte for byte."""

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final, TypeVar

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from starlette.requests import Request
from starlette.responses import Response

from ticketing.base.bounds import IDEMPOTENCY_KEPT, IDEMPOTENCY_KEY_LENGTH_MAX
from ticketing.base.changes import Change, Claim
from ticketing.base.errors import Kind, Refusal
from ticketing.base.house import House
from ticketing.base.once import AlreadyAnswered, Keep, keep_nothing
from ticketing.base.tables import Record
from ticketing.schema.tables import IDEMPOTENCY
from ticketing.web.replies import JSON, Answer, encoded, respond

Done = TypeVar("Done")
NONCE_BYTES: Final = 12


class IdempotencyKeyMissing(Refusal):
    """This request creates something or moves money or places, and has no key to be repeated by."""

    code = "idempotency_key_missing"
    kind = Kind.BAD_REQUEST
    title = "Send an Idempotency-Key header, a fresh random value for each new attempt."


class IdempotencyKeyBad(Refusal):
    """The key is empty, too long, or not printable ASCII."""

    code = "idempotency_key_bad"
    kind = Kind.BAD_REQUEST
    title = f"An Idempotency-Key is 1 to {IDEMPOTENCY_KEY_LENGTH_MAX} printable ASCII characters."


class IdempotencyKeyReused(Refusal):
    """The key was used for another request."""

    code = "idempotency_key_reused"
    kind = Kind.NOT_ALLOWED
    title = "This Idempotency-Key was used for another request. Use a fresh one."


def key_of(key: str | None, *, scope: str) -> str:
    """Under what name the answer to this key is kept. Raises IdempotencyKeyMissing, IdempotencyKeyBad."""
    if key is None:
        raise IdempotencyKeyMissing
    if not 1 <= len(key) <= IDEMPOTENCY_KEY_LENGTH_MAX or not (key.isascii() and key.isprintable()):
        raise IdempotencyKeyBad
    return hashlib.blake2b(f"{scope}\n{key}".encode(), digest_size=20).hexdigest()


def fingerprint_of(house: House, method: str, path: str, body: bytes) -> str:
    """What tells one request from another under the same key.

    It is keyed: whoever reads the table cannot try bodies (with a password in them) against it.
    """
    key = house.keys.derive("request fingerprints")
    return hashlib.blake2b(b"%s %s\n%s" % (method.encode(), path.encode(), body), digest_size=16, key=key).hexdigest()


def kept(house: House, *, name: str, fingerprint: str, status: int, content: bytes, now: datetime) -> Claim:
    """The change that remembers an answer. Its body is sealed, since it may hold a token or a person's name."""
    nonce = house.entropy.bits(8 * NONCE_BYTES).to_bytes(NONCE_BYTES, "big")
    sealed = nonce + _seal(house).encrypt(nonce, content, name.encode())
    record: Record = {
        "idempotency_key": name,
        "fingerprint": fingerprint,
        "status": status,
        "answer": b64encode(sealed).decode(),
        "expires_at": now + IDEMPOTENCY_KEPT,
    }
    return Claim(IDEMPOTENCY, record, now)


def first_content(house: House, record: Record, *, fingerprint: str) -> bytes:
    """The body of the first answer. Raises IdempotencyKeyReused where it answered another request."""
    if record["fingerprint"] != fingerprint:
        raise IdempotencyKeyReused
    sealed = b64decode(record["answer"])
    return _seal(house).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], record["idempotency_key"].encode())


def replay(house: House, record: Record, *, fingerprint: str) -> Response:
    """The first answer again. Raises IdempotencyKeyReused where it answered another request."""
    content = first_content(house, record, fingerprint=fingerprint)
    return Response(
        content,
        status_code=record["status"],
        headers={"Idempotent-Replayed": "true"},
        media_type=JSON if content else None,
    )


_SEALS: dict[bytes, AESGCM] = {}


def _seal(house: House) -> AESGCM:
    master = house.keys.master
    seal = _SEALS.get(master)
    if seal is None:
        seal = _SEALS[master] = AESGCM(house.keys.derive("idempotency answers"))
    return seal


async def answer_once(
    request: Request,
    house: House,
    *,
    scope: str,
    act: Callable[[Keep[Done]], Awaitable[Done]],
    render: Callable[[Done], Answer],
    now: datetime,
    required: bool = False,
) -> Response:
    """The answer of `act`, or the first answer where this request was made before under the same key.

    `scope` is who asks (a user's id), so that keys of different people never meet. `act` is given what it must commit along. A
    refusal changes nothing and is not remembered: the request may be tried again under its key.
    """
    header = request.headers.get("idempotency-key")
    if header is None and not required:
        done = await act(keep_nothing)
        return respond(render(done))
    return await answer_under(
        house,
        name=key_of(header, scope=scope),
        fingerprint=fingerprint_of(house, request.method, request.url.path, await request.body()),
        act=act,
        render=render,
        now=now,
    )


async def answer_under(
    house: House,
    *,
    name: str,
    fingerprint: str,
    act: Callable[[Keep[Done]], Awaitable[Done]],
    render: Callable[[Done], Answer],
    now: datetime,
) -> Response:
    """As `answer_once`, under the name of a key that is known to be good. Raises IdempotencyKeyReused."""
    answers: list[Answer] = []

    def keep(done: Done) -> tuple[Change, ...]:
        answer = render(done)
        answers[:] = [answer]
        content = b"" if answer.body is None else encoded(answer.body)
        return (kept(house, name=name, fingerprint=fingerprint, status=answer.status, content=content, now=now),)

    async def answered() -> Response | None:
        record = await house.store.get(IDEMPOTENCY, (name,))
        return None if record is None or record["expires_at"] <= now else replay(house, record, fingerprint=fingerprint)

    try:
        done = await act(keep)
    except AlreadyAnswered as before:
        return replay(house, before.record, fingerprint=fingerprint)
    except Refusal:
        first = await answered()
        if first is None:
            raise
        return first
    first = await answered()
    if first is None:  # nothing was left to do, so that nothing was committed along
        return respond(render(done))
    is_ours = bool(answers) and first.body == (b"" if answers[-1].body is None else encoded(answers[-1].body))
    return respond(answers[-1]) if is_ours else first
