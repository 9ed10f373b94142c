"""How the house says no: refusals with a stable code, and wrong fields named all at once."""

from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar


class Kind(Enum):
    """What sort of "no" it is. `site/errors.py` alone turns a kind into an HTTP status."""

    BAD_REQUEST = "bad_request"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    CHANGED_MEANWHILE = "changed_meanwhile"
    TOO_LARGE = "too_large"
    NOT_ALLOWED = "not_allowed"
    TOO_MANY = "too_many"
    BUSY = "busy"
    WRONG_METHOD = "wrong_method"
    WRONG_MEDIA = "wrong_media"
    WRONG_HOST = "wrong_host"


class Refusal(Exception):
    """An expected "no". Subclasses stand beside the rule that raises them and are named after the fact.

    `facts` go into the problem document beside `detail`: what a client needs to act (what is left, when it opens).
    """

    code: ClassVar[str]
    kind: ClassVar[Kind]
    title: ClassVar[str]

    def __init__(self, detail: str = "", **facts: Any) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.facts = facts


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong field: a JSON pointer into the body (or `?name` for a query parameter), a stable code, and why."""

    pointer: str
    code: str
    detail: str


class Invalid(Refusal):
    """The request names wrong fields; `errors` has every one of them."""

    code = "invalid_request"
    kind = Kind.NOT_ALLOWED
    title = "Some fields are wrong."

    def __init__(self, *errors: FieldError) -> None:
        super().__init__("; ".join(f"{error.pointer}: {error.detail}" for error in errors))
        self.errors = errors


class NotFound(Refusal):
    """There is no such thing, or it is not yours to see: both look the same."""

    code = "not_found"
    kind = Kind.NOT_FOUND
    title = "There is no such thing here."


class ChangedMeanwhile(Refusal):
    """The thing was changed since it was read."""

    code = "changed_meanwhile"
    kind = Kind.CHANGED_MEANWHILE
    title = "It was changed since you read it. Read it again and repeat your change."


def every_refusal() -> list[type[Refusal]]:
    """All refusals that are defined in the modules imported so far, sorted by code."""
    found: dict[str, type[Refusal]] = {}
    waiting: list[type[Refusal]] = [Refusal]
    while waiting:
        parent = waiting.pop()
        for child in parent.__subclasses__():
            waiting.append(child)
            if "code" in child.__dict__:
                found[f"{child.code} {child.__module__}.{child.__qualname__}"] = child
    return [found[name] for name in sorted(found)]
