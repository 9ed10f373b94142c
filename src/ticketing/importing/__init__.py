"""Importing: events from other people's files. Readers are pure: bytes in, records and mistakes out."""
