"""Static files: read once, named by what they hold, so that a browser may keep them for good."""

import gzip
import hashlib
import mimetypes
import re
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
from ticketing.web.colour import brand_sheet, parse_colour
from ticketing.web.headers import secured

STATIC: Final = Path(__file__).parent / "static"
FOREVER: Final = "public, max-age=31536000, immutable"
"""A year, the most that caches heed (RFC 9111 leaves more to them)."""
_MEDIA_TYPES: Final = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
_ALREADY_SMALL: Final = frozenset({"font/woff2", "image/png", "image/webp", "image/avif"})
_LINK: Final = re.compile(rb'url\("(?!data:)([^"]+)"\)')
BRAND_KEPT: Final = "public, max-age=86400"
"""A day: the sheet follows from the colour in its name, and from the rules of `colour.py`, which a new version may mend."""
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
            if path.suffix == ".css" and path.parent == STATIC:
                content = _LINK.sub(_named, content)
            media_type = _MEDIA_TYPES.get(path.suffix) or mimetypes.guess_type(name)[0] or "text/plain"
            found[name] = Asset(name, content, media_type, _digest(content))
    return MappingProxyType(found)


def _named(link: re.Match[bytes]) -> bytes:
    """A link of a style sheet of ours to another static file, by the name that changes when the file does."""
    name = link.group(1).decode()
    digest = _digest((STATIC / name).read_bytes())
    return f'url("../{digest}/{name}")'.encode()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]


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
    if len(content) >= _COMPRESSED_FROM_BYTES and asset.media_type not in _ALREADY_SMALL and takes_gzip(request):
        content = compressed(content)
        headers["Content-Encoding"] = "gzip"
    return secured(Response(content, headers=headers, media_type=asset.media_type))


@routes.get("/brand/{name}.css")
async def get_brand(name: str) -> Response:
    """The style sheet that puts an organizer's colour, made fit to read, in the place of ours."""
    colour = parse_colour(name)
    if colour is None:
        raise NotFound
    headers = {"Cache-Control": BRAND_KEPT}
    return secured(Response(brand_sheet(colour), headers=headers, media_type="text/css"))
