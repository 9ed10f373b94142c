"""Ticket: sell tickets to events, correctly and fast. Only the version lives here."""

__version__ = "0.1.0"
