"""Scans at the door and their answers."""
