"""One environment of AWS Lambda: an event loop and a house, made once, kept between invocations, and at rest between them."""

import asyncio
import gc
import os
from collections.abc import Coroutine
from contextvars import copy_context
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import structlog

from ticketing.accounts.actions import ensure_admin
from ticketing.entry.config import Config, ConfigWrong, read_config
from ticketing.entry.logs import set_up_logs
from ticketing.entry.opening import OpenHouse, open_house
from ticketing.entry.secret import refuse_other_secret

log = structlog.get_logger()

RUNTIME_VARIABLE: Final = "AWS_LAMBDA_RUNTIME_API"
"""Set by Lambda alone: there the house is opened while the module is imported, when a processor is lent whole."""
REST_SECONDS: Final = 1.0
"""Kept of an invocation's time so that what it began comes to an end, and its answer leaves, before Lambda ends the process."""
START_SECONDS_MAX: Final = 8.0
"""Lambda gives an environment ten seconds to start, then begins anew."""

Result = TypeVar("Result")


class Context(Protocol):
    """What Lambda tells of an invocation."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda ends the process."""
        ...


class Invocations:
    """Runs one invocation after the other on the one event loop that the house's store and clients belong to.

    Between two invocations Lambda stops the process in mid-air, for hours if it likes: whatever was still under way would go on with
    connections that are long gone. So an invocation ends when everything that it began has ended.
    """

    def __init__(self) -> None:
        self._runner = asyncio.Runner()

    def run(self, work: Coroutine[Any, Any, Result], *, seconds: float) -> Result:
        """What `work` came to, and nothing is under way any more. Raises TimeoutError, and then `work` was cancelled."""
        return self._runner.run(_to_the_end(work, seconds=seconds), context=copy_context())

    def close(self) -> None:
        """The event loop is closed."""
        self._runner.close()


async def _to_the_end(work: Coroutine[Any, Any, Result], *, seconds: float) -> Result:
    try:
        async with asyncio.timeout(seconds):
            return await work
    finally:
        await _come_to_rest()


async def _come_to_rest() -> None:
    own = asyncio.current_task()
    loop = asyncio.get_running_loop()
    until = loop.time() + REST_SECONDS
    while others := [task for task in asyncio.all_tasks() if task is not own]:
        left = until - loop.time()
        if left <= 0:
            log.error("invocation.cut_off", tasks=sorted(task.get_name() for task in others))
            for task in others:
                task.cancel()
            await asyncio.wait(others, timeout=REST_SECONDS)
            return
        await asyncio.wait(others, timeout=left)


def seconds_of(context: Context) -> float:
    """How long the work of an invocation may take, so that it can still come to rest."""
    return max(0.0, context.get_remaining_time_in_millis() / 1000 - 2 * REST_SECONDS)


@dataclass(frozen=True, slots=True)
class Environment:
    """What an environment keeps."""

    config: Config
    opened: OpenHouse
    invocations: Invocations


def open_environment() -> Environment:
    """The house of the settings in the environment, with data that fits its secret and with its first admin.

    Raises RuntimeError where the settings are wrong, and what `open_house` raises: Lambda logs it and tries again.
    """
    try:
        config = read_config(os.environ, folder=Path.cwd())
    except ConfigWrong as wrong:
        raise RuntimeError("These settings are wrong: " + " ".join(wrong.problems)) from None
    set_up_logs(log_format=config.text("log_format"), level=config.text("log_level"))
    opened = open_house(config)
    invocations = Invocations()
    invocations.run(_prepare(opened, config), seconds=START_SECONDS_MAX)
    gc.collect()
    gc.freeze()  # what was made until now stays: no collection looks at it again
    return Environment(config, opened, invocations)


async def _prepare(opened: OpenHouse, config: Config) -> None:
    """The data fits the secret; where a first admin's password is given, there has been a first admin. None is made up here:
    nobody would see it. Raises SecretWrong, and a Refusal for an admin that cannot be."""
    await refuse_other_secret(opened.house)
    password = config.optional("admin_password")
    if password is not None:
        now = opened.house.clock.now()
        await ensure_admin(opened.house, email=config.text("admin_email"), password=password, now=now)
