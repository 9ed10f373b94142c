"""Passwords: hashed with argon2id in a few threads of their own, and the commonest ones known by name."""

import asyncio
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from importlib.resources import files
from threading import BoundedSemaphore
from typing import Annotated, Final, ParamSpec, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from fastapi import Depends
from starlette.requests import Request

from ticketing.base.bounds import PASSWORD_THREADS, PASSWORDS_WAITING_MAX
from ticketing.base.store import Busy

STANDARD: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
"""argon2id with 19 MiB, two passes, one lane: the least that OWASP's Password Storage Cheat Sheet advises."""

NOBODYS_SALT: Final = b"salt of a nobody"
NOBODYS_DIGEST: Final = b"which password gives this digest"

Given = ParamSpec("Given")
Result = TypeVar("Result")


class Passwords:
    """Makes and compares hashes off the event loop; what waits is bounded, and what comes past the bound gets Busy."""

    def __init__(
        self,
        hasher: PasswordHasher = STANDARD,
        *,
        threads: int = PASSWORD_THREADS,
        waiting_max: int = PASSWORDS_WAITING_MAX,
    ) -> None:
        self._hasher = hasher
        self._nobodys = nobodys_hash(hasher)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="passwords")
        self._free = BoundedSemaphore(waiting_max)

    async def hashed(self, password: str) -> str:
        """The argon2id hash of a password, with a fresh salt. Raises Busy."""
        return await self._in_thread(self._hasher.hash, password)

    async def matches(self, hashed: str | None, password: str) -> bool:
        """Whether the hash is this password's. Raises Busy.

        Without a hash (no such user, or one without a login) the answer is no after the same work, so that time does not tell.
        """
        matches = await self._in_thread(self._verify, self._nobodys if hashed is None else hashed, password)
        return matches and hashed is not None

    def is_outdated(self, hashed: str) -> bool:
        """Whether a good hash was made with other parameters than those of today, and should be made anew."""
        return self._hasher.check_needs_rehash(hashed)

    def close(self) -> None:
        """No more work is taken."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _verify(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _in_thread(
        self, work: Callable[Given, Result], *arguments: Given.args, **options: Given.kwargs
    ) -> Result:
        if not self._free.acquire(blocking=False):
            raise Busy

        def free(_done: Future[Result]) -> None:
            self._free.release()

        # The place is given back when the thread is done, not when the caller goes away: dropped connections must not add up.
        future = self._threads.submit(work, *arguments, **options)
        future.add_done_callback(free)
        return await asyncio.wrap_future(future)


def nobodys_hash(hasher: PasswordHasher) -> str:
    """A constant hash that no password is known for and that takes as long to compare as one that `hasher` made."""
    salt, digest = (b64encode(part).rstrip(b"=").decode() for part in (NOBODYS_SALT, NOBODYS_DIGEST))
    cost = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v=19${cost}${salt}${digest}"


@cache
def common_passwords() -> frozenset[str]:
    """The passwords that are tried first everywhere, casefolded: our own short list, in `common_passwords.txt`."""
    text = files("ticketing.accounts").joinpath("common_passwords.txt").read_text("utf-8")
    return frozenset(line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#"))


async def passwords_of(request: Request) -> Passwords:
    """The threads in which this application hashes passwords."""
    passwords: Passwords = request.app.state.passwords
    return passwords


ThePasswords = Annotated[Passwords, Depends(passwords_of)]
