"""Venues: where events take place, and what is there."""
