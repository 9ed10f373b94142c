"""How DynamoDB is called: one small port that tests can disturb, botocore behind it, and retries that end in bounded time."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeAlias

import structlog

from ticketing.base.store import Busy

log = structlog.get_logger()

Request: TypeAlias = dict[str, Any]
Answer: TypeAlias = dict[str, Any]

CONNECT_SECONDS: Final = 1.0
ANSWER_SECONDS: Final = 3.0
"""A transaction takes some ten milliseconds; what takes seconds is lost, and asking again is safe."""
GIVE_UP_SECONDS: Final = 6.0
"""How long one call is tried before whoever asked is told to come again: less than people and gateways wait."""
FIRST_PAUSE_SECONDS: Final = 0.02
PAUSE_SECONDS_MAX: Final = 1.0
CONNECTIONS_MAX: Final = 48

CONDITION_FAILED: Final = "ConditionalCheckFailed"
CANCELLED: Final = "TransactionCanceledException"
IN_USE: Final = "ResourceInUseException"
NOT_FOUND: Final = "ResourceNotFoundException"

_PASSING: Final = frozenset(
    (
        "InternalServerError",
        "InternalFailure",
        "LimitExceededException",
        "ProvisionedThroughputExceeded",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "ThrottledException",
        "Throttling",
        "ThrottlingError",
        "ThrottlingException",
        "TransactionConflict",
        "TransactionConflictException",
        "TransactionInProgressException",
    )
)
"""Codes of errors, and of reasons why a transaction was cancelled, after which the same is tried again."""
_SERVER_FAULT: Final = 500


class Refused(Exception):
    """DynamoDB answered with an error, so that nothing was done. `reasons` tell why a transaction was cancelled, action by action."""

    def __init__(self, code: str, message: str, *, status: int = 400, reasons: tuple[dict[str, Any], ...] = ()) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.status = status
        self.reasons = reasons

    @property
    def passes(self) -> bool:
        """Whether the same may well succeed a moment later."""
        if self.code == CANCELLED:
            codes = {reason.get("Code", "None") for reason in self.reasons} - {"None"}
            return bool(codes) and codes <= _PASSING
        return self.code in _PASSING or self.status >= _SERVER_FAULT


class Lost(Exception):
    """No answer came: what was asked was done, or it was not."""


class Unreached(Exception):
    """There was no connection, so that nothing was done."""


class GaveUp(Busy):
    """The call was tried for as long as anybody waits. With `is_unknown`, one of the attempts may have been done."""

    def __init__(self, *, is_unknown: bool) -> None:
        super().__init__()
        self.is_unknown = is_unknown


class Driver(Protocol):
    """One attempt at one call. Safe to use from several threads."""

    def call(self, action: str, request: Request) -> Answer:
        """The answer of DynamoDB. Raises Refused, Lost or Unreached."""
        ...

    def close(self) -> None:
        """Connections are closed."""
        ...


@dataclass(slots=True)
class Patient:
    """Calls that are repeated, with pauses drawn at random, while what stands in their way passes by itself.

    A request that writes carries a token, the same in all attempts, so that it is done once however often it is sent.
    """

    driver: Driver
    pause: Callable[[float], None] = time.sleep
    seconds: Callable[[], float] = time.monotonic
    give_up_seconds: float = GIVE_UP_SECONDS
    chance: random.Random = field(default_factory=random.SystemRandom)

    def call(self, action: str, request: Request) -> Answer:
        """The answer of DynamoDB. Raises Refused for what does not pass, GaveUp for what did not pass in time."""
        until = self.seconds() + self.give_up_seconds
        attempt = 0
        is_unknown = False
        while True:
            try:
                return self.driver.call(action, request)
            except Lost as error:
                is_unknown = True
                cause: Exception = error
            except Unreached as error:
                cause = error
            except Refused as error:
                if not error.passes:
                    raise
                cause = error
            pause = self.chance.uniform(0, min(PAUSE_SECONDS_MAX, FIRST_PAUSE_SECONDS * 2**attempt))
            attempt += 1
            if self.seconds() + pause > until:
                log.warning("store.gave_up", action=action, attempts=attempt, cause=str(cause))
                raise GaveUp(is_unknown=is_unknown) from cause
            self.pause(pause)


class BotoDriver:
    """botocore without its retries, which know nothing of what a cancelled transaction tells."""

    def __init__(
        self, *, region: str | None = None, endpoint: str | None = None, answer_seconds: float = ANSWER_SECONDS
    ) -> None:
        import botocore.config
        import botocore.exceptions
        import botocore.parsers
        import botocore.session

        session = botocore.session.Session()
        if endpoint is not None and session.get_credentials() is None:
            session.set_credentials("local", "local")  # an engine for tests takes any
        self._client: Any = session.create_client(
            "dynamodb",
            region_name=region,
            endpoint_url=endpoint,
            config=botocore.config.Config(
                connect_timeout=CONNECT_SECONDS,
                read_timeout=answer_seconds,
                retries={"total_max_attempts": 1},
                max_pool_connections=CONNECTIONS_MAX,
                parameter_validation=False,
            ),
        )
        self.failure = botocore.exceptions.BotoCoreError
        """What else is wrong with the world here: no credentials, no such region."""
        self._refusal = botocore.exceptions.ClientError
        self._unreached = (botocore.exceptions.EndpointConnectionError, botocore.exceptions.ConnectTimeoutError)
        self._lost = (
            botocore.exceptions.ConnectionError,
            botocore.exceptions.HTTPClientError,
            botocore.parsers.ResponseParserError,
        )
        self._methods = {
            "BatchGetItem": self._client.batch_get_item,
            "CreateTable": self._client.create_table,
            "DeleteTable": self._client.delete_table,
            "DescribeTable": self._client.describe_table,
            "DescribeTimeToLive": self._client.describe_time_to_live,
            "GetItem": self._client.get_item,
            "Query": self._client.query,
            "Scan": self._client.scan,
            "TransactWriteItems": self._client.transact_write_items,
            "UpdateTable": self._client.update_table,
            "UpdateTimeToLive": self._client.update_time_to_live,
        }

    def call(self, action: str, request: Request) -> Answer:
        """The answer of DynamoDB. Raises Refused, Lost or Unreached."""
        try:
            answer: Answer = self._methods[action](**request)
        except self._refusal as error:
            told = error.response
            raise Refused(
                told["Error"]["Code"],
                told["Error"].get("Message", ""),
                status=told["ResponseMetadata"]["HTTPStatusCode"],
                reasons=tuple(told.get("CancellationReasons", ())),
            ) from error
        except self._unreached as error:
            raise Unreached(str(error)) from error
        except self._lost as error:
            raise Lost(str(error)) from error
        return answer

    def close(self) -> None:
        """Connections are closed."""
        self._client.close()
