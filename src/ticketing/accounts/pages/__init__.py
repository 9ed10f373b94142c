"""HTML routes of accounts."""

from ticketing.accounts.pages.links import routes as links

routes = (links,)

__all__ = ["routes"]
