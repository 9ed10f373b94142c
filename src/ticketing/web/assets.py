"""Static files: read once, named by what they hold, so that a browser may keep them for good."""

import gzip
import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ticketing.base.errors import NotFound
from ticketing.web.headers import secured

STATIC: Final = Path(__file__).parent / "static"
FOREVER: Final = "public, max-age=31536000, immutable"
"""A year, the most that caches heed (RFC 9111 leaves more to them)."""
_MEDIA_TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_COMPRESSED_FROM_BYTES: Final = 500

routes = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Asset:
    """A static file; `digest` is the beginning of its SHA-256."""

    name: str
    content: bytes
    media_type: str
    digest: str


@cache
def assets() -> Mapping[str, Asset]:
    """Every static file that ships with the package, by its name below `static/`."""
    found = {}
    for path in sorted(STATIC.rglob("*")):
        if path.is_file():
            name = path.relative_to(STATIC).as_posix()
            content = path.read_bytes()
            media_type = _MEDIA_TYPES.get(path.suffix) or mimetypes.guess_type(name)[0] or "text/plain"
            found[name] = Asset(name, content, media_type, hashlib.sha256(content).hexdigest()[:12])
    return MappingProxyType(found)


def asset_path(name: str) -> str:
    """The path of a static file, below the root. It changes when the file does. The file must exist."""
    return f"/static/{assets()[name].digest}/{name}"


@lru_cache(maxsize=64)
def compressed(content: bytes) -> bytes:
    """The content in gzip, the same bytes every time."""
    return gzip.compress(content, compresslevel=9, mtime=0)


def takes_gzip(request: Request) -> bool:
    """Whether whoever asks reads gzip."""
    codings = (coding.strip() for coding in request.headers.get("accept-encoding", "").split(","))
    return any(coding.split(";")[0] == "gzip" and not coding.endswith("q=0") for coding in codings)


@routes.get("/static/{digest}/{name:path}")
async def get_asset(request: Request, digest: str, name: str) -> Response:
    """A static file. An old digest, from a page that was kept, gets the file as it is now, to be asked for again."""
    asset = assets().get(name)
    if asset is None:
        raise NotFound
    headers = {
        "Cache-Control": FOREVER if digest == asset.digest else "no-cache",
        "ETag": f'"{asset.digest}"',
        "Vary": "Accept-Encoding",
    }
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    content = asset.content
    if len(content) >= _COMPRESSED_FROM_BYTES and takes_gzip(request):
        content = compressed(content)
        headers["Content-Encoding"] = "gzip"
    return secured(Response(content, headers=headers, media_type=asset.media_type))
