"""Joins all routes into one application, and turns refusals into HTTP answers."""
