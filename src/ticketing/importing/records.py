"""Typed reading of foreign JSON: every value is asked for by name and type, and what is wrong is named by its place."""

import json
import re
from dataclasses import dataclass
from datetime import date
from typing import Final, NoReturn

from ticketing.base import bounds
from ticketing.importing.model import Mistake
from ticketing.importing.text import one_line

_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_SHOWN_LENGTH_MAX: Final = 60
_FILE_END: Final = ": "


class Wrong(Exception):
    """Something is wrong at a place; it becomes a Mistake, and the record is left out."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"{place}: {reason}")
        self.mistake = Mistake(place, reason)


def shown(value: object) -> str:
    """A foreign value as a reason may quote it: on one line and short."""
    text = one_line(value if isinstance(value, str) else repr(value))
    return f"“{text}”" if len(text) <= _SHOWN_LENGTH_MAX else f"“{text[:_SHOWN_LENGTH_MAX]}…”"


@dataclass(frozen=True, slots=True)
class Record:
    """One JSON object and its place in the file, such as `worldcup.json: matches[12]`."""

    place: str
    values: dict[str, object]

    def wrong(self, name: str, reason: str) -> Wrong:
        """The complaint about one value of this record."""
        return Wrong(self.place_of(name), reason)

    def place_of(self, name: str) -> str:
        """Where one value of this record stands, such as `worldcup.json: matches[12].time`."""
        if self.place.endswith(_FILE_END):  # The record is the whole file.
            return f"{self.place}{name}" if name else self.place.removesuffix(_FILE_END)
        return f"{self.place}.{name}"

    def text(self, name: str) -> str:
        """The cleaned text, on one line. Raises Wrong if it is missing, empty or no text."""
        text = self.text_or_empty(name)
        if not text:
            raise self.wrong(name, "is missing" if self.values.get(name) is None else "is empty")
        return text

    def text_or_empty(self, name: str) -> str:
        """The cleaned text, on one line; empty if it is missing or null. Raises Wrong if it is no text."""
        value = self.values.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self.wrong(name, f"{shown(value)} is not a text")
        return one_line(value)

    def whole(self, name: str, *, least: int, most: int) -> int:
        """The whole number. Raises Wrong if it is missing, no whole number, or outside `least` to `most`."""
        value = self.values.get(name)
        if value is None:
            raise self.wrong(name, "is missing")
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise self.wrong(name, f"{shown(value)} is not a whole number from {least} to {most}")
        return value

    def flag(self, name: str) -> bool:
        """True or false; false if it is missing."""
        value = self.values.get(name, False)
        if not isinstance(value, bool):
            raise self.wrong(name, f"{shown(value)} is not true or false")
        return value

    def date(self, name: str) -> date:
        """The date, which the file writes as 2026-06-11."""
        text = self.text(name)
        if not _DATE.fullmatch(text):
            raise self.wrong(name, f"{shown(text)} is not a date like 2026-06-11")
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise self.wrong(name, f"{shown(text)} is not a day of the calendar") from None

    def texts(self, name: str) -> tuple[str, ...]:
        """The list of cleaned texts; empty if it is missing."""
        texts: list[str] = []
        for place, value in self.list_of(name):
            if not isinstance(value, str):
                raise Wrong(place, f"{shown(value)} is not a text")
            texts.append(one_line(value))
        return tuple(texts)

    def list_of(self, name: str) -> list[tuple[str, object]]:
        """Each value of the list with its place, such as `worldcup.json: matches[12]`; empty if it is missing."""
        value = self.values.get(name, [])
        if not isinstance(value, list):
            raise self.wrong(name, "is not a list")
        place = self.place_of(name) if name else self.place
        return [(f"{place}[{index}]", element) for index, element in enumerate(value)]

    def records(self, name: str) -> list["Record"]:
        """The objects of a list inside a record. Raises Wrong if one of them is no object."""
        return [as_record(place, value) for place, value in self.list_of(name)]


def as_record(place: str, value: object) -> Record:
    """The value as a record. Raises Wrong if it is no JSON object."""
    if not isinstance(value, dict):
        raise Wrong(place, "is not an object")
    return Record(place, value)


def document(content: bytes, *, file_name: str) -> Record:
    """The JSON object that the file holds. A file that is one list becomes an object with the list as `""`.

    Raises Wrong, with line and column, if it is too long, not UTF-8, not JSON, or neither object nor list.
    """
    if len(content) > bounds.IMPORT_BYTES_MAX:
        raise Wrong(file_name, f"is over {bounds.IMPORT_BYTES_MAX // 1024 // 1024} MB; split it")
    try:
        value = json.loads(content.decode("utf-8-sig"), parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Wrong(f"{file_name}: line {line}", "is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise Wrong(f"{file_name}: line {error.lineno}, column {error.colno}", f"is not JSON: {error.msg}") from None
    except (ValueError, RecursionError) as error:  # A number of thousands of digits, NaN, thousands of brackets.
        raise Wrong(file_name, f"is not JSON that can be read: {one_line(str(error))}") from None
    if isinstance(value, list):
        value = {"": value}
    if not isinstance(value, dict):
        raise Wrong(file_name, "is neither a JSON object nor a list")
    return Record(f"{file_name}{_FILE_END}", value)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")
