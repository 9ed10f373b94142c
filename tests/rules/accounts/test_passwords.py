"""Hashing of passwords: right, bounded, and the same work whether there is a user or not."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Literal

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.low_level import Type

from ticketing.accounts.passwords import STANDARD, Passwords, nobodys_hash
from ticketing.base.store import Busy

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


class GatedHasher(PasswordHasher):
    """Hashes once the gate is open."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.gate = threading.Event()
        self.entered = threading.Event()

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        """The hash, once the gate is open."""
        self.entered.set()
        assert self.gate.wait(timeout=30)
        return super().hash(password, salt=salt)


class CountingHasher(PasswordHasher):
    """Remembers which hashes it compared."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.compared: list[str] = []

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
        """True, or an exception."""
        self.compared.append(str(hash))
        return super().verify(hash, password)


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    with closing(Passwords(CHEAP)) as passwords:
        yield passwords


async def test_a_hash_is_matched_by_its_password_alone(passwords: Passwords) -> None:
    hashed = await passwords.hashed("a wet week in Wales")

    assert await passwords.matches(hashed, "a wet week in Wales")
    assert not await passwords.matches(hashed, "a wet week in Wales ")
    assert not await passwords.matches(hashed, "A wet week in Wales")


async def test_the_same_password_has_another_hash_each_time(passwords: Passwords) -> None:
    assert await passwords.hashed("a wet week in Wales") != await passwords.hashed("a wet week in Wales")


async def test_what_is_no_hash_matches_nothing(passwords: Passwords) -> None:
    assert not await passwords.matches("not a hash", "not a hash")


async def test_without_a_user_the_same_work_is_done_for_the_same_answer() -> None:
    hasher = CountingHasher()
    with closing(Passwords(hasher)) as passwords:
        hashed = await passwords.hashed("a wet week in Wales")
        wrong = await passwords.matches(hashed, "a dry week in Wales")
        nobody = await passwords.matches(None, "a dry week in Wales")

    assert (wrong, nobody) == (False, False)
    somebodys, nobodys = (extract_parameters(compared) for compared in hasher.compared)
    assert somebodys == nobodys


async def test_nobodys_password_is_never_right_even_if_its_hash_were_known() -> None:
    class SayingYes(PasswordHasher):
        """Takes every password for right."""

        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
            """True."""
            return True

    with closing(Passwords(SayingYes(time_cost=1, memory_cost=8, parallelism=1))) as passwords:
        assert await passwords.matches("some hash", "a wet week in Wales")
        assert not await passwords.matches(None, "a wet week in Wales")


async def test_standard_parameters_are_those_advised_and_hold_for_nobodys_hash_too() -> None:
    with closing(Passwords()) as passwords:
        hashed = await passwords.hashed("a wet week in Wales")
        matches = await passwords.matches(hashed, "a wet week in Wales")

    made = extract_parameters(hashed)
    assert matches
    assert (made.type, made.memory_cost, made.time_cost, made.parallelism) == (Type.ID, 19 * 1024, 2, 1)
    assert extract_parameters(nobodys_hash(STANDARD)) == made


async def test_a_hash_of_other_parameters_is_outdated(passwords: Passwords) -> None:
    hashed = await passwords.hashed("a wet week in Wales")

    assert not passwords.is_outdated(hashed)
    assert Passwords(PasswordHasher(time_cost=2, memory_cost=8, parallelism=1)).is_outdated(hashed)


async def test_what_would_wait_past_the_bound_is_busy_at_once_and_the_rest_is_done() -> None:
    hasher = GatedHasher()
    with closing(Passwords(hasher, threads=2, waiting_max=5)) as passwords:
        waiting = [asyncio.create_task(passwords.hashed("a wet week in Wales")) for _ in range(5)]
        await asyncio.sleep(0)

        with pytest.raises(Busy):
            await passwords.hashed("a wet week in Wales")
        hasher.gate.set()

        assert len(await asyncio.gather(*waiting)) == 5
        assert await passwords.hashed("a wet week in Wales")


async def test_work_whose_caller_went_away_still_counts_until_it_is_done() -> None:
    hasher = GatedHasher()
    with closing(Passwords(hasher, threads=1, waiting_max=1)) as passwords:
        gone = asyncio.create_task(passwords.hashed("a wet week in Wales"))
        assert await asyncio.to_thread(hasher.entered.wait, 30)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone

        with pytest.raises(Busy):
            await passwords.hashed("a wet week in Wales")
        hasher.gate.set()


async def test_the_event_loop_goes_on_while_passwords_are_hashed() -> None:
    hasher = GatedHasher()
    with closing(Passwords(hasher)) as passwords:
        waiting = asyncio.create_task(passwords.hashed("a wet week in Wales"))
        await asyncio.sleep(0)

        asyncio.get_running_loop().call_soon(hasher.gate.set)

        assert await waiting
