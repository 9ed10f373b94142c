"""Who asks, where reverse proxies stand between: a client's address is taken from a header as far as trusted proxies wrote it."""

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final, TypeAlias

from starlette.types import ASGIApp, Receive, Scope, Send

from ticketing.base.bounds import PROXIES_MAX

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


class ForwardedHeader(StrEnum):
    """The one header that is read. A proxy passes on what it does not know, so that any other may be a client's own words."""

    X_FORWARDED_FOR = "x-forwarded-for"
    FORWARDED = "forwarded"


class BadProxies(ValueError):
    """Not a number of proxies, nor a list of networks in which they stand; says what it may be."""


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    """Which proxies are believed: `hops` of them, whatever their addresses, or else those in `networks`."""

    hops: int = 0
    networks: tuple[Network, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.hops or self.networks)

    def trusts(self, address: Address) -> bool:
        """Whether a proxy at this address is believed."""
        return any(address in network for network in self.networks)


def trusted_proxies(text: str) -> TrustedProxies:
    """What a setting says: nothing, a number of proxies, or networks and addresses with commas between. Raises BadProxies."""
    if re.fullmatch(r"[0-9]{1,3}", text):
        if not 0 <= int(text) <= PROXIES_MAX:
            raise BadProxies(f"must be at most {PROXIES_MAX} proxies")
        return TrustedProxies(hops=int(text))
    networks: list[Network] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        try:
            network = ipaddress.ip_network(part)
        except ValueError as error:
            raise BadProxies("must be a number of proxies, or networks like 10.0.0.0/8, 2001:db8::/32") from error
        if network.prefixlen == 0:
            raise BadProxies("must not trust every address: then any client writes its own")
        networks.append(network)
    return TrustedProxies(networks=tuple(networks))


class BehindProxies:
    """ASGI middleware: `client` of a request is whom the trusted proxies saw, for whoever asks behind it.

    Host and scheme stay as they are: links are made from the base URL, and no header changes it.
    """

    def __init__(self, app: ASGIApp, trusted: TrustedProxies, header: ForwardedHeader) -> None:
        self._app = app
        self._trusted = trusted
        self._name = header.value.encode()
        self._addresses = _plain_addresses if header is ForwardedHeader.X_FORWARDED_FOR else _forwarded_addresses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on."""
        if scope["type"] == "http":
            self.settle_client(scope)
        await self._app(scope, receive, send)

    def settle_client(self, scope: Scope) -> None:
        """`client` of a request's scope is whom the trusted proxies saw."""
        peer = scope.get("client")
        host = self._client_of("" if peer is None else peer[0], scope)
        scope["client"] = (host, 0 if peer is None or peer[0] != host else peer[1])

    def _client_of(self, peer: str, scope: Scope) -> str:
        """The right-most address that no trusted proxy has: all further left is only what that client says of itself."""
        trusted = self._trusted
        if not trusted.hops:
            address = address_in(peer)
            if address is None or not trusted.trusts(address):
                return peer
        values = [value.decode("latin-1") for name, value in scope["headers"] if name == self._name]
        client = peer
        for passed, written in enumerate(self._addresses(",".join(values)), 1):
            address = address_in(written)
            if address is None:
                return client  # nobody can tell who that was: whoever passed it on is held to it
            client = str(address)
            if passed == trusted.hops or (not trusted.hops and not trusted.trusts(address)) or passed == PROXIES_MAX:
                return client
        return client


def _plain_addresses(value: str) -> Iterator[str]:
    """The addresses of X-Forwarded-For, from the right."""
    while value:
        value, _, part = value.rpartition(",")
        yield part.strip()


def _forwarded_addresses(value: str) -> Iterator[str]:
    """The addresses of Forwarded (RFC 7239), from the right; an empty one where an element has none."""
    for element in _plain_addresses(value):
        for pair in element.split(";"):
            name, _, written = pair.strip().partition("=")
            if name.lower() == "for":
                yield written.strip().strip('"')
                break
        else:
            yield ""


_WITH_PORT: Final = re.compile(r"\[([^\]]*)\](?::[0-9]+)?|([0-9.]+):[0-9]+")


@lru_cache(maxsize=8192)
def address_in(written: str) -> Address | None:
    """The address in what a proxy wrote, with a port or without; None where there is none, as in `unknown` or `_hidden`."""
    found = _WITH_PORT.fullmatch(written)
    try:
        address = ipaddress.ip_address((found[1] or found[2] or "") if found else written)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return address if mapped is None else mapped
