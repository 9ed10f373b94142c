"""The application: all routes joined, one for the server and for Lambda."""

from collections import OrderedDict

from fastapi import Depends, FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from ticketing import __version__
from ticketing.accounts import api as accounts
from ticketing.accounts import pages as accounts_pages
from ticketing.accounts.passwords import Passwords
from ticketing.accounts.visitor import visitor_of
from ticketing.admission import api as admission
from ticketing.admission.wallet.offered import Wallets
from ticketing.base.house import House
from ticketing.catalog import api as catalog
from ticketing.catalog import feeds as catalog_feeds
from ticketing.catalog import pages as catalog_pages
from ticketing.catalog.feeds import Feeds
from ticketing.catalog.watching import Watches
from ticketing.checkin import api as checkin
from ticketing.events import api as events
from ticketing.notify import api as notify
from ticketing.notify import pages as notify_pages
from ticketing.notify.letters import From, Letters
from ticketing.sales import api as sales
from ticketing.sales import pages as sales_pages
from ticketing.sales.api.orders import ORDERS_PATH
from ticketing.site import design, docs, errors, health, preview
from ticketing.site.description import completed
from ticketing.site.front import Front, HandOver
from ticketing.site.health import Readiness
from ticketing.site.kept import Kept
from ticketing.site.metrics import Metrics
from ticketing.site.requests import RequestIds
from ticketing.site.rush import Rush
from ticketing.site.shedding import Shedding
from ticketing.site.shortway import ShortWay
from ticketing.site.told import teller
from ticketing.venues import api as venues
from ticketing.web import assets
from ticketing.web.drawing import Drawing
from ticketing.web.limits import LimitRequests
from ticketing.web.shared_limits import limiter_of_house


class Application(FastAPI):
    """The application behind its front: ids, bounds and counts for every request, and the short way of the hot one.

    They stand before the framework's own middlewares, which cost as much as the sale of a ticket (docs/decisions/0005).
    """

    front: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request to the front, and what it passes on to the framework."""
        if self.front is None or scope["type"] != "http":
            await super().__call__(scope, receive, send)
        else:
            await self.front(scope, receive, send)

    async def behind(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What is behind the front."""
        await super().__call__(scope, receive, send)


def build_app(
    house: House, *, hosts: frozenset[str] = frozenset(), log_requests: bool = False, keep_pages: bool = False
) -> FastAPI:
    """The ASGI application that works in this house.

    With `hosts` it answers for these alone, in lower case and without a port; `log_requests` writes a debug line for each request.
    With `keep_pages` public pages are answered from memory for up to a second (`site/kept.py`).
    """
    app = Application(
        title="Ticket",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        telemetry={"tracing": False, "metrics": False, "logs": False},  # it looks at the environment on each request
    )
    app.state.house = house
    app.state.passwords = Passwords()
    app.state.drawing = Drawing()
    app.state.feeds = Feeds()
    app.state.watches = Watches(house)
    app.state.previews = OrderedDict()
    app.state.limiter = limiter_of_house(house)
    app.state.metrics = Metrics(house.store)
    app.state.shedding = Shedding(app.state.metrics, path=ORDERS_PATH, root_path=house.settings.root_path)
    app.state.readiness = Readiness(house)
    app.state.wallets = Wallets()
    app.state.letters = Letters(house, From("tickets@ticket.localhost", "Ticket"))  # until the settings say who writes
    errors.install(app)
    visited = [Depends(visitor_of)]  # whoever is logged in is named in the head of each page
    app.include_router(health.routes)
    app.include_router(accounts.routes)
    app.include_router(venues.routes)
    app.include_router(events.routes)
    app.include_router(catalog.routes)
    for routes in catalog_pages.routes:
        app.include_router(routes, dependencies=visited)
    app.include_router(catalog_feeds.routes)
    app.include_router(docs.routes, dependencies=visited)
    app.include_router(design.routes)
    app.include_router(preview.routes)
    app.include_router(assets.routes)
    app.include_router(admission.routes)
    app.include_router(checkin.routes)
    for routes in (*accounts_pages.routes, *sales_pages.routes):
        app.include_router(routes, dependencies=visited)
    app.include_router(notify.routes)
    app.include_router(notify_pages.routes, dependencies=visited)
    for routes in sales.routes:
        app.include_router(routes)
    app.add_middleware(HandOver)
    tell = teller(house.settings)
    root_path = house.settings.root_path
    pages = Kept(app.behind, root_path=root_path) if keep_pages else app.behind
    rush = Rush(LimitRequests(pages, app.state.limiter, tell), house=house, limiter=app.state.limiter)
    ids = RequestIds()
    metrics = app.state.metrics
    app.state.short_way = ShortWay(
        rush, root_path=root_path, metrics=metrics, ids=ids, hosts=hosts, log_requests=log_requests
    )
    app.front = Front(
        rush,
        metrics=metrics,
        ids=ids,
        hosts=hosts,
        shortcuts=frozenset({root_path + ORDERS_PATH}),
        log_requests=log_requests,
        tell=tell,
    )
    describe = app.openapi
    app.openapi = lambda: completed(describe())  # type: ignore[method-assign]
    return app
