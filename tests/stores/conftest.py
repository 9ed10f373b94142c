"""The fixture that runs the contract on every store."""

from tests.support.stores import store

__all__ = ["store"]
