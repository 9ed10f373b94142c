"""Behind reverse proxies: whose address counts, and that nobody writes one who is not trusted to."""

from collections.abc import Sequence

import anyio.lowlevel
import pytest
from starlette.types import Message, Receive, Scope, Send

from ticketing.base.bounds import PROXIES_MAX
from ticketing.web.proxies import BadProxies, BehindProxies, ForwardedHeader, address_in, trusted_proxies

CLIENT = "203.0.113.7"
PROXY = "10.0.0.1"
INNER = "10.9.9.9"
NETWORKS = "10.0.0.0/8, 2001:db8:ffff::/48"
PLAIN = ForwardedHeader.X_FORWARDED_FOR


async def client_of(
    trusted: str, *, peer: str | None, headers: Sequence[tuple[str, str]], header: ForwardedHeader = PLAIN
) -> str:
    """The client that the application behind sees."""
    seen: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)
        await anyio.lowlevel.checkpoint()

    async def receive() -> Message:
        raise AssertionError("nobody reads a body here")

    async def send(_message: Message) -> None:
        raise AssertionError("nobody answers here")

    scope = {
        "type": "http",
        "client": None if peer is None else (peer, 4711),
        "headers": [(name.encode(), value.encode()) for name, value in headers],
        "scheme": "http",
    }
    await BehindProxies(app, trusted_proxies(trusted), header)(scope, receive, send)
    assert seen[0]["scheme"] == "http"
    return str(seen[0]["client"][0])


@pytest.mark.parametrize(
    ("trusted", "peer", "written", "client"),
    [
        # One trusted proxy appends the address that it saw; what the client wrote stands left of it.
        (NETWORKS, PROXY, CLIENT, CLIENT),
        (NETWORKS, PROXY, f"198.51.100.1, {CLIENT}", CLIENT),
        (NETWORKS, PROXY, f"10.0.0.5, 198.51.100.1, {CLIENT}", CLIENT),
        # Two in a row: the inner one wrote the outer one's address.
        (NETWORKS, INNER, f"198.51.100.1, {CLIENT}, {PROXY}", CLIENT),
        (NETWORKS, INNER, f"{CLIENT},{PROXY}", CLIENT),
        # A peer that is no proxy is the client, whatever it writes.
        (NETWORKS, CLIENT, "198.51.100.1", CLIENT),
        (NETWORKS, CLIENT, PROXY, CLIENT),
        (NETWORKS, "not an address", "198.51.100.1", "not an address"),
        # Nothing written, or nothing that is an address: whoever passed it on.
        (NETWORKS, PROXY, "", PROXY),
        (NETWORKS, PROXY, "unknown", PROXY),
        (NETWORKS, PROXY, f"{CLIENT}, unknown", PROXY),
        (NETWORKS, PROXY, f"{CLIENT},", PROXY),
        # A machine of our own inside asks through the proxy.
        (NETWORKS, PROXY, INNER, INNER),
        # IPv6, mapped addresses, ports.
        (NETWORKS, "2001:db8:ffff::1", "2001:db8::7", "2001:db8::7"),
        (NETWORKS, "::ffff:10.0.0.1", f"::ffff:{CLIENT}", CLIENT),
        (NETWORKS, PROXY, f"{CLIENT}:50123", CLIENT),
        (NETWORKS, PROXY, "[2001:db8::7]:443", "2001:db8::7"),
        # A number of proxies: so many from the right, and the left-most where there are fewer.
        ("1", PROXY, f"198.51.100.1, {CLIENT}", CLIENT),
        ("1", "192.0.2.1", CLIENT, CLIENT),
        ("2", PROXY, f"198.51.100.1, {CLIENT}, 192.0.2.1", CLIENT),
        ("2", PROXY, CLIENT, CLIENT),
        ("1", PROXY, "", PROXY),
        ("1", PROXY, f"{CLIENT}, nonsense", PROXY),
    ],
)
async def test_the_client_is_the_right_most_address_that_is_no_trusted_proxys(
    trusted: str, peer: str, written: str, client: str
) -> None:
    headers = [("host", "tickets.example"), *([("x-forwarded-for", written)] if written else [])]

    assert await client_of(trusted, peer=peer, headers=headers) == client


async def test_a_header_that_came_twice_is_one_list() -> None:
    headers = [("x-forwarded-for", "198.51.100.1"), ("x-forwarded-for", CLIENT)]

    assert await client_of(NETWORKS, peer=PROXY, headers=headers) == CLIENT


@pytest.mark.parametrize("name", ["forwarded", "x-real-ip", "x-forwarded-host", "x-forwarded-proto", "client-ip"])
async def test_no_header_but_the_one_that_is_set_is_read(name: str) -> None:
    headers = [(name, "for=198.51.100.1" if name == "forwarded" else "198.51.100.1"), ("x-forwarded-for", CLIENT)]

    assert await client_of(NETWORKS, peer=PROXY, headers=headers) == CLIENT


@pytest.mark.parametrize(
    ("written", "client"),
    [
        (f"for={CLIENT}", CLIENT),
        (f"for=198.51.100.1, for={CLIENT};proto=https;by={PROXY}", CLIENT),
        (f"for={CLIENT}, FOR={INNER}", CLIENT),
        ('For="[2001:db8::7]:4711"', "2001:db8::7"),
        (f"for={CLIENT}, for=_hidden", PROXY),
        (f"for={CLIENT}, proto=https", PROXY),
    ],
)
async def test_the_standard_header_is_read_where_it_is_set(written: str, client: str) -> None:
    headers = [("forwarded", written), ("x-forwarded-for", "198.51.100.9")]

    assert await client_of(NETWORKS, peer=PROXY, headers=headers, header=ForwardedHeader.FORWARDED) == client


async def test_however_long_the_header_is_so_many_proxies_are_believed_at_most() -> None:
    written = ", ".join([CLIENT, *(f"10.0.1.{number}" for number in range(200))])

    seen = await client_of(NETWORKS, peer=PROXY, headers=[("x-forwarded-for", written)])

    assert seen == f"10.0.1.{200 - PROXIES_MAX}"


async def test_a_connection_without_an_address_is_nobody() -> None:
    assert await client_of(NETWORKS, peer=None, headers=[("x-forwarded-for", CLIENT)]) == ""


@pytest.mark.parametrize(
    "text", ["17", "999", "-1", "proxy.example", "10.0.0.1/8", "0.0.0.0/0", "10.0.0.0/8, ::/0", "10.0.0.0/33"]
)
def test_what_cannot_be_trusted_is_refused(text: str) -> None:
    with pytest.raises(BadProxies, match="must"):
        trusted_proxies(text)


@pytest.mark.parametrize(("text", "any_trusted"), [("", False), ("0", False), ("1", True), ("10.0.0.1", True)])
def test_nobody_is_trusted_unless_somebody_says_so(text: str, any_trusted: bool) -> None:
    assert bool(trusted_proxies(text)) is any_trusted


@pytest.mark.parametrize("written", ["", "unknown", "_gateway", "[", "[]", "1.2.3", "1.2.3.4.5", "1.2.3.4:x", "[::1"])
def test_what_is_no_address_is_none(written: str) -> None:
    assert address_in(written) is None
