"""Answers: JSON bodies, lists, ETags and conditional reads, problem documents."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from ticketing.base.bounds import PAGE_LIMIT, PAGE_LIMIT_MAX
from ticketing.base.errors import ChangedMeanwhile, FieldError, Invalid, Kind, Refusal
from ticketing.base.store import Page

JSON = "application/json"
PROBLEM_JSON = "application/problem+json"
REFUSAL = "ticket.refusal"
"""Where in the scope of a request the code of its refusal is noted, so that refusals are counted."""


IS_REPLAY = (b"idempotent-replayed", b"true")
"""The header of an answer that was given before."""


@dataclass(frozen=True, slots=True)
class Written:
    """A whole answer: status, headers as ASGI has them, and body."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: a status, a JSON body (None: no body), and headers of its own."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


def encoded(body: Any) -> bytes:
    """A JSON body in UTF-8."""
    return orjson.dumps(body)


def respond(answer: Answer) -> Response:
    """The response of an answer."""
    content = b"" if answer.body is None else encoded(answer.body)
    media = None if answer.body is None else JSON
    return Response(content, status_code=answer.status, headers=dict(answer.headers), media_type=media)


def reply(request: Request, body: Any, *, version: int | None = None, status: int = 200) -> Response:
    """A JSON response with an ETag; 304 where `If-None-Match` names it already.

    The tag is `"<version>-<digest>"`: the digest sees every change of what is shown, the version is what PATCH guards.
    """
    content = encoded(body)
    tag = f'"{version if version is not None else 0}-{hashlib.sha256(content).hexdigest()[:16]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    if "authorization" in request.headers:
        headers["Cache-Control"] = "private, no-cache"
    headers["Vary"] = "Authorization"
    asked = [candidate.strip().removeprefix("W/") for candidate in request.headers.get("if-none-match", "").split(",")]
    if request.method in ("GET", "HEAD") and (tag in asked or "*" in asked):
        return Response(status_code=304, headers=headers)
    return Response(content, status_code=status, headers=headers, media_type=JSON)


def expected_version(request: Request) -> int | None:
    """The version that `If-Match` insists on, or None where the request does not care. Raises ChangedMeanwhile."""
    header = request.headers.get("if-match")
    if header is None or header.strip() == "*":
        return None
    version, _, _digest = header.strip().removeprefix("W/").strip('"').partition("-")
    if not version.isascii() or not version.isdigit() or len(version) > 18:
        raise ChangedMeanwhile
    return int(version)


def refuse_changed(expected: int | None, version: int) -> None:
    """Nothing, where the client saw this version or does not care. Raises ChangedMeanwhile."""
    if expected is not None and expected != version:
        raise ChangedMeanwhile


def listed(page: Page, shown: Callable[[Any], Any]) -> dict[str, Any]:
    """The body of a list: `data` and `next_cursor`."""
    return {"data": [shown(record) for record in page.records], "next_cursor": page.next_cursor}


def listed_from(items: Sequence[Any], next_cursor: str | None) -> dict[str, Any]:
    """The body of a list whose items are rendered already."""
    return {"data": list(items), "next_cursor": next_cursor}


def limit_of(text: str | None) -> int:
    """The page size that a query asks for, 1 to 100, 20 where it asks for none. Raises Invalid."""
    if text is None:
        return PAGE_LIMIT
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= PAGE_LIMIT_MAX):
        raise Invalid(FieldError("?limit", "out_of_range", f"a whole number from 1 to {PAGE_LIMIT_MAX}"))
    return int(text)


Teller = Callable[[Scope, Refusal | None], Response | None]
"""The page that says a refusal (None: a mistake of ours) to a person; None where a program asks. `site/told.py` makes one."""

STATUS_OF_KIND: dict[Kind, int] = {}
"""Filled by `site/errors.py`, the only table from the kind of a refusal to an HTTP status."""


def problem(refusal: Refusal, *, instance: str, root_path: str) -> dict[str, Any]:
    """The problem document (RFC 9457) of a refusal."""
    body: dict[str, Any] = {
        "type": f"{root_path}/docs/refusals#{refusal.code}",
        "title": refusal.title,
        "status": STATUS_OF_KIND[refusal.kind],
        "detail": refusal.detail,
        "instance": instance,
        "code": refusal.code,
    }
    if isinstance(refusal, Invalid):
        body["errors"] = [
            {"pointer": error.pointer, "code": error.code, "detail": error.detail} for error in refusal.errors
        ]
    body.update(refusal.facts)
    return body
