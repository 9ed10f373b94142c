"""The application: all routes joined, one for the server and for Lambda."""

from fastapi import FastAPI

from ticketing import __version__
from ticketing.base.house import House
from ticketing.events import api as events
from ticketing.site import errors
from ticketing.venues import api as venues


def build_app(house: House) -> FastAPI:
    """The ASGI application that works in this house."""
    app = FastAPI(title="Ticket", version=__version__, docs_url=None, redoc_url=None, openapi_url="/openapi.json")
    app.state.house = house
    errors.install(app)
    app.include_router(venues.routes)
    app.include_router(events.routes)
    return app
