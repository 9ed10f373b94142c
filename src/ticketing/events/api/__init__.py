"""JSON routes of events, ticket types and categories, each in its own file, joined here."""

from fastapi import APIRouter

from ticketing.events.api import categories, events, ticket_types

routes = APIRouter()
routes.include_router(categories.routes)
routes.include_router(events.routes)
routes.include_router(ticket_types.routes)
