"""The reference of every speed figure: a bare ASGI app that reads a POST and answers a fixed body.

It shows what a server costs before any work of ours. The body is as long as that of a held order (about 700
bytes), so that the reference writes as much as the measured route does. What a route layer adds is in `echo_routes.py`.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

ORDER: dict[str, Any] = {
    "order_id": "ord_06f3k2v9q8w1x7y5z4a3b2c1d0",
    "order_code": "K7MPQ-2XH4R",
    "event_id": "evt_06f3k2v9q8w1x7y5z4a3b2c1d0",
    "user_id": "usr_06f3k2v9q8w1x7y5z4a3b2c1d0",
    "payment_status": "pending",
    "total_amount": {"amount": 5000, "currency": "EUR"},
    "lines": [
        {
            "ticket_type_id": "tty_06f3k2v9q8w1x7y5z4a3b2c1d0",
            "ticket_type": "General admission",
            "quantity": 2,
            "subtotal_amount": {"amount": 5000, "currency": "EUR"},
        }
    ],
    "order_date_time": "2026-06-11T19:00:00.000Z",
    "expires_at": "2026-06-11T19:15:00.000Z",
    "hold_extensions_left": 10,
    "paid_amount": {"amount": 0, "currency": "EUR"},
    "customer": {"email": "buyer-0000000001@example.com", "first_name": "Ada", "last_name": "Lovelace"},
    "access_token": "6Yq3vT0nS8rJm2LxB5cWd9HfKpZaQeUi1GoNtV7yRsM",
}
BODY = json.dumps(ORDER, separators=(",", ":")).encode()

_READY: Message = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]}


def answering(body: bytes) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """An app that answers every POST, once it is read to its end, 201 with `body`; everything else 200 and nothing."""
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    created: Message = {"type": "http.response.start", "status": 201, "headers": headers}

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        while (await receive()).get("more_body", False):
            pass
        if scope["method"] == "POST":
            await send(created)
            await send({"type": "http.response.body", "body": body})
        else:
            await send(_READY)
            await send({"type": "http.response.body", "body": b""})

    return answer


app = answering(BODY)


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
