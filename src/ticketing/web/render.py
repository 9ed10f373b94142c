"""Pages: one Jinja2 environment over the templates of every slice, and how a rendered page is answered."""

import gzip
import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import BaseLoader, Environment, StrictUndefined, TemplateNotFound
from starlette.requests import Request
from starlette.responses import Response

from ticketing.base.house import Settings
from ticketing.web import wording
from ticketing.web.assets import asset_path, takes_gzip
from ticketing.web.headers import STRICT, secured

PACKAGE: Final = Path(__file__).parents[1]
HTML: Final = "text/html"
_GZIP_LEVEL: Final = 5


class SliceLoader(BaseLoader):
    """Finds `catalog/home.html` in the folder `templates` of the slice `catalog`."""

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        """The source of a template, its file, and that it does not change while the process runs."""
        del environment
        name, _, rest = template.partition("/")
        path = PACKAGE / name / "templates" / rest
        if ".." in template.split("/") or not path.is_file():
            raise TemplateNotFound(template)
        return path.read_text(encoding="utf-8"), str(path), lambda: True


@cache
def environment() -> Environment:
    """The environment of all templates. Everything is escaped, and a name that is not there is a mistake."""
    made = Environment(
        loader=SliceLoader(),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters.update(
        price=wording.price,
        local=wording.local,
        clock=wording.clock,
        zone=wording.zone,
        day=wording.day,
        days=wording.days,
        short_moment=wording.short_moment,
    )
    return made


def page(
    request: Request,
    template: str,
    *,
    settings: Settings,
    status: int = 200,
    public_seconds: int = 0,
    policy: str = STRICT,
    **shown: Any,
) -> Response:
    """A page. `template` is `<slice>/<file>`; caches may keep it for `public_seconds`, so it must be the same for everyone.

    Templates have `to(path)` and `asset(name)` for links, which respect the prefix that the application is served under.
    """

    def to(path: str) -> str:
        return settings.root_path + path

    def asset(name: str) -> str:
        return settings.root_path + asset_path(name)

    text = (
        environment()
        .get_template(template)
        .render(to=to, asset=asset, test_mode=settings.test_mode, public_url=settings.base_url, **shown)
    )
    content = text.encode()
    tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
    headers = {
        "ETag": tag,
        "Cache-Control": f"public, max-age={public_seconds}" if public_seconds else "no-cache",
        "Vary": "Accept-Encoding",
    }
    if status == 200 and request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    if takes_gzip(request):
        content = gzip.compress(content, compresslevel=_GZIP_LEVEL, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return secured(Response(content, status_code=status, headers=headers, media_type=HTML), policy=policy)
