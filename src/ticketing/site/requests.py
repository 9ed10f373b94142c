"""What the front and the short way ask of a request alike: its id, and whether its host is ours."""

from contextvars import ContextVar
from os import urandom
from typing import Final

from ticketing.base.bounds import REQUEST_ID_LENGTH_MAX

REQUEST_ID: Final[ContextVar[bytes]] = ContextVar("request_id", default=b"")
"""The id of the request being worked on, for whoever writes a log line; empty outside of requests."""

_ID_LETTERS: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:+/=")
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class RequestIds:
    """Gives every request an id: its own, where that is sane, or one of ours."""

    def __init__(self) -> None:
        self._process = urandom(6).hex().encode()
        self._count = 0

    def of(self, asked: bytes | None) -> bytes:
        """The id of a request whose `X-Request-Id` is `asked` (None: it has none)."""
        if asked is not None and 0 < len(asked) <= REQUEST_ID_LENGTH_MAX and _ID_LETTERS.issuperset(asked):
            return asked
        self._count += 1
        return b"%b-%x" % (self._process, self._count)


def answered_hosts(hosts: frozenset[str]) -> frozenset[str]:
    """The hosts that are answered for, with loopback; empty where every host is."""
    return hosts | _LOOPBACK if hosts and not hosts & _LOOPBACK else frozenset()


def host_name(header: bytes | None) -> str:
    """The host of a Host header without its port, in lower case."""
    text = (header or b"").decode("latin-1").lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0].rstrip(".")
