"""The only table from the kind of a refusal to an HTTP status, and how every error becomes a problem document, or a page for a person."""

from typing import Any, Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ticketing.base.errors import Kind, NotFound, Refusal
from ticketing.base.house import Settings
from ticketing.site.told import told, wants_page
from ticketing.web.bodies import field_errors
from ticketing.web.replies import PROBLEM_JSON, REFUSAL, STATUS_OF_KIND, encoded, problem

STATUS_OF_KIND.update(
    {
        Kind.BAD_REQUEST: 400,
        Kind.UNAUTHENTICATED: 401,
        Kind.FORBIDDEN: 403,
        Kind.NOT_FOUND: 404,
        Kind.WRONG_METHOD: 405,
        Kind.CONFLICT: 409,
        Kind.CHANGED_MEANWHILE: 412,
        Kind.TOO_LARGE: 413,
        Kind.WRONG_MEDIA: 415,
        Kind.WRONG_HOST: 421,
        Kind.NOT_ALLOWED: 422,
        Kind.TOO_MANY: 429,
        Kind.BUSY: 503,
    }
)

RETRY_AFTER_SECONDS: Final = "1"


class WrongMethod(Refusal):
    """The path exists, but not with this method."""

    code = "method_not_allowed"
    kind = Kind.WRONG_METHOD
    title = "This path does not take this method."


class BadRequest(Refusal):
    """The request could not be read."""

    code = "bad_request"
    kind = Kind.BAD_REQUEST
    title = "This request could not be read."


def refused(request: Request, refusal: Refusal) -> Response:
    """The response of a refusal."""
    headers: dict[str, str] = {}
    if refusal.kind in (Kind.BUSY, Kind.TOO_MANY):
        headers["Retry-After"] = str(refusal.facts.get("retry_after", RETRY_AFTER_SECONDS))
    if refusal.kind is Kind.UNAUTHENTICATED:
        headers["WWW-Authenticate"] = "Bearer"
    body = problem(refusal, instance=request.url.path, root_path=request.scope.get("root_path", ""))
    request.scope[REFUSAL] = refusal.code
    return Response(encoded(body), status_code=body["status"], headers=headers, media_type=PROBLEM_JSON)


def install(app: FastAPI) -> None:
    """Every refusal and validation error is answered as a problem document or as a page (`front.py`: mistakes of ours)."""

    settings: Settings = app.state.house.settings

    def answer(request: Request, refusal: Refusal) -> Response:
        if wants_page(request.scope, root_path=settings.root_path):
            return told(request, refusal, settings=settings)
        return refused(request, refusal)

    async def on_refusal(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal)
        return answer(request, error)

    async def on_wrong_fields(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return answer(request, field_errors(error.errors()))

    async def on_http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        response = answer(request, _refusal_for(error.status_code))
        response.headers.update(dict(error.headers or {}))
        return response

    app.add_exception_handler(Refusal, on_refusal)
    app.add_exception_handler(RequestValidationError, on_wrong_fields)
    app.add_exception_handler(HTTPException, on_http_error)


def broken(instance: str) -> dict[str, Any]:
    """The problem document of a mistake of ours."""
    return {
        "type": "about:blank",
        "title": "Something broke on our side.",
        "status": 500,
        "detail": "It is logged. Whether the request took effect is found by repeating it under its Idempotency-Key.",
        "instance": instance,
        "code": "internal",
    }


def _refusal_for(status: int) -> Refusal:
    if status == 404:
        return NotFound()
    if status == 405:
        return WrongMethod()
    return BadRequest()
