"""The shipped files of real events, and small documents of the same shape for what they do not contain."""

import json
from collections.abc import Callable
from functools import cache
from importlib.resources import files

from ticketing.importing.conferences import read_conferences
from ticketing.importing.model import Import
from ticketing.importing.nyphil import read_nyphil
from ticketing.importing.worldcup import read_worldcup

_SHIPPED = files("ticketing.importing") / "demo_data"


def shipped(path: str) -> bytes:
    return (_SHIPPED / path).read_bytes()


@cache
def real_worldcup() -> Import:
    return read_worldcup(shipped("worldcup/worldcup.json"), stadiums=shipped("worldcup/worldcup.stadiums.json"))


@cache
def real_nyphil() -> Import:
    return read_nyphil(shipped("nyphil/2024-25_TO_NOW.json"))


@cache
def real_conferences() -> Import:
    return read_conferences(shipped("conferences/conferences-2026-2027.json"))


REAL: dict[str, Callable[[], Import]] = {
    "worldcup": real_worldcup,
    "nyphil": real_nyphil,
    "conferences": real_conferences,
}


def as_json(value: object) -> bytes:
    return json.dumps(value).encode()


def complaints(found: Import) -> dict[str, str]:
    """Reason by place."""
    return {mistake.place: mistake.reason for mistake in found.mistakes}
