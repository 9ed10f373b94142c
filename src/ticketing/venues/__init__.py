"""Venues: the places where events take place."""
