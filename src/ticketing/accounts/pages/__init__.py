"""HTML routes of accounts."""

from ticketing.accounts.pages.links import routes as links
from ticketing.accounts.pages.login import routes as login
from ticketing.accounts.pages.settings import routes as settings

routes = (links, login, settings)

__all__ = ["routes"]
