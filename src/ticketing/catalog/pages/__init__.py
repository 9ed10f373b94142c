"""Public HTML pages of the catalog: what is on, the calendar, venues, categories, organizers, and the page of an event."""

from typing import Final

from ticketing.catalog.pages.calendar import routes as calendar_routes
from ticketing.catalog.pages.event import routes as event_routes
from ticketing.catalog.pages.home import routes as home_routes
from ticketing.catalog.pages.places import routes as place_routes

routes: Final = (home_routes, calendar_routes, place_routes, event_routes)
