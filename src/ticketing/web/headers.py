"""What every page tells the browser to refuse: one policy, and the few places that need a little more."""

from typing import Final

from starlette.responses import Response

STRICT: Final = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'; img-src 'self' data:"
"""Nothing from elsewhere, nothing inline. Images may be written into our own style sheets."""


def secured(response: Response, *, policy: str = STRICT) -> Response:
    """The response with the headers of a page: nothing from elsewhere, no guessing of types, no frame, little said to others."""
    response.headers["Content-Security-Policy"] = policy
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["X-Frame-Options"] = "DENY"  # for browsers that know no frame-ancestors
    response.headers["Referrer-Policy"] = "strict-origin-when-cross-origin"
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    response.headers["Permissions-Policy"] = "camera=(), microphone=(), geolocation=(), payment=()"
    return response
