"""What request bodies are made of: strict pydantic models, and how their errors become named fields."""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, Strict
from pydantic_core import PydanticCustomError

from ticketing.base.bounds import (
    EMAIL_LENGTH_MAX,
    NAME_LENGTH_MAX,
    SHORT_TEXT_LENGTH_MAX,
    TEXT_LENGTH_MAX,
    URL_LENGTH_MAX,
)
from ticketing.base.errors import FieldError, Invalid
from ticketing.base.money import AMOUNT_MAX, CURRENCIES

_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_LINE_BREAKS = re.compile(r"[\r\n\t\u2028\u2029]")
_NOT_IN_A_LINE = re.compile(r"[\x00-\x1f\x7f\u2028\u2029\ud800-\udfff]")
_EMAIL = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z0-9-]{2,63}"
)


class Body(BaseModel):
    """A request body: an unknown field is refused, texts are stripped."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, frozen=True)


class Shown(BaseModel):
    """A response body, for the OpenAPI document; answers are rendered without it."""

    model_config = ConfigDict(frozen=True)


def _clean(text: str) -> str:
    if _CONTROLS.search(text):
        raise PydanticCustomError("control_character", "must not hold control characters")
    return text


def _clean_line(text: str) -> str:
    if _NOT_IN_A_LINE.search(text) is None:
        return text
    if _LINE_BREAKS.search(text):
        raise PydanticCustomError("line_break", "must be one line")
    return _clean(text)


def _email(text: str) -> str:
    if len(text) > EMAIL_LENGTH_MAX or not _EMAIL.fullmatch(text) or ".." in text or text.split("@")[0].endswith("."):
        raise PydanticCustomError("email", "must be an e-mail address such as ada@example.org")
    return text


def _url(text: str) -> str:
    if not re.fullmatch(r"https?://[^\s/?#@\\]+(?:[/?#][^\s\\<>\"]*)?", text):
        raise PydanticCustomError("url", "must be an http or https URL without user or spaces")
    return text


def _moment(value: Any) -> Any:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not re.fullmatch(
        r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", value
    ):
        raise PydanticCustomError("time", "must be an RFC 3339 time with its offset, such as 2027-05-01T18:00:00Z")
    return value


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise PydanticCustomError("time", "must have an offset from UTC")
    try:
        utc = moment.astimezone(UTC)
    except OverflowError as error:
        raise PydanticCustomError("time", "must lie in the years 1970 to 9998") from error
    if not 1970 <= utc.year <= 9998:
        raise PydanticCustomError("time", "must lie in the years 1970 to 9998")
    return utc


def _timezone(text: str) -> str:
    if text not in available_timezones():
        raise PydanticCustomError("timezone", "must be an IANA time zone such as Europe/Vienna")
    ZoneInfo(text)
    return text


def _currency(text: str) -> str:
    if text not in CURRENCIES:
        raise PydanticCustomError("currency", "must be an ISO 4217 code such as EUR")
    return text


Name = Annotated[str, Field(min_length=1, max_length=NAME_LENGTH_MAX), AfterValidator(_clean_line)]
OptionalName = Annotated[str, Field(max_length=NAME_LENGTH_MAX), AfterValidator(_clean_line)]
Line = Annotated[str, Field(max_length=SHORT_TEXT_LENGTH_MAX), AfterValidator(_clean_line)]
Text = Annotated[str, Field(max_length=TEXT_LENGTH_MAX), AfterValidator(_clean)]
Email = Annotated[str, Field(max_length=EMAIL_LENGTH_MAX), AfterValidator(_email)]
Url = Annotated[str, Field(max_length=URL_LENGTH_MAX), AfterValidator(_url)]
Moment = Annotated[datetime, BeforeValidator(_moment), AfterValidator(_utc)]
TimeZone = Annotated[str, Field(max_length=64), AfterValidator(_timezone)]
Currency = Annotated[str, Field(max_length=3), AfterValidator(_currency)]
Whole = Annotated[int, Strict()]
Flag = Annotated[bool, Strict()]
Identifier = Annotated[str, Field(min_length=1, max_length=64)]
"""The id of a thing. What it may hold is not looked at: one that nobody gave out finds nothing."""
MadeIdentifier = Annotated[Identifier, AfterValidator(_clean_line)]
"""An id that a client makes, and that is stored."""


Patch = TypeVar("Patch", bound=BaseModel)


def refuse_null(patch: Patch, *names: str) -> Patch:
    """The patch, which does not empty any of these fields. Raises pydantic's error otherwise."""
    for name in names:
        if name in patch.model_fields_set and getattr(patch, name) is None:
            raise PydanticCustomError("null", "{name} cannot be emptied", {"name": name})
    return patch


class MoneyBody(Body):
    """Minor units and a currency."""

    amount: Annotated[int, Strict(), Field(ge=0, le=AMOUNT_MAX)]
    currency: Currency


class MoneyShown(Shown):
    """Minor units and a currency."""

    amount: int
    currency: str


_CODES = {
    "extra_forbidden": ("unknown_field", "there is no such field"),
    "missing": ("missing", "is required"),
    "json_invalid": ("bad_json", "the body is not valid JSON"),
}


def field_errors(errors: Sequence[Any]) -> Invalid:
    """The refusal that names every wrong field of pydantic's or FastAPI's error list, as JSON pointers."""
    found: list[FieldError] = []
    for error in errors[:50]:
        location = list(error["loc"])
        source = location[0] if location and location[0] in ("body", "query", "path", "header") else None
        if source is not None:
            location = location[1:]
        if error["type"] == "json_invalid":
            if error.get("ctx", {}).get("error") == TWICE.code:
                return Invalid(TWICE)
            location = []
        parts = [str(part).replace("~", "~0").replace("/", "~1")[:100] for part in location]
        pointer = f"?{parts[0]}" if source == "query" and parts else "".join(f"/{part}" for part in parts)
        code, detail = _CODES.get(error["type"], (error["type"], _first_lower(error["msg"])))
        if source == "query" and code == "unknown_field":
            code, detail = "unknown_parameter", "there is no such parameter"
        found.append(FieldError(pointer, code, detail))
    return Invalid(*found)


TWICE = FieldError("", "name_twice", "a name stands twice in one object")
"""JSON allows it, and readers differ in which of the two counts: a proxy may have looked at the other one."""


def has_name_twice(content: bytes) -> bool:
    """Whether an object somewhere in this JSON, which is sound, has a name twice."""
    try:
        json.loads(content, object_pairs_hook=_refuse_twice)
    except ValueError:
        return True
    return False


def _refuse_twice(pairs: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError


def _first_lower(message: str) -> str:
    return message[:1].lower() + message[1:]
