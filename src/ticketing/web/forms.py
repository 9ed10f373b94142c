"""Forms of all pages: parsed by models, every mistake named at once, sent once however often the button is pressed.

A page makes a form with `blank`, reads it with `read`, shows it with the macros of `web/forms.html`, and acts with `submit_once`.
"""

import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final, Generic, Literal, TypeVar
from urllib.parse import parse_qsl, urlsplit

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo
from starlette.requests import Request
from starlette.responses import Response

from ticketing.base.bounds import FORM_FIELDS_MAX
from ticketing.base.errors import Invalid, Kind, Refusal
from ticketing.base.house import House
from ticketing.base.once import Keep
from ticketing.base.tables import Record
from ticketing.schema.tables import IDEMPOTENCY
from ticketing.web.i18n import LANGUAGE_PARAMETER, N_, gettext
from ticketing.web.once import IdempotencyKeyReused, answer_under, fingerprint_of, key_of, replay
from ticketing.web.replies import Answer
from ticketing.web.session import browser_of

FORM_FIELD: Final = "form"
FORM_LASTS: Final = timedelta(hours=24)
"""A tab that was left open overnight is still good; after that it is asked to look once more, with all that was typed."""
_MAC_BYTES: Final = 16
_TOKEN_LENGTH_MAX: Final = 120

Done = TypeVar("Done")
F = TypeVar("F", bound="Form")


class ForeignForm(Refusal):
    """The form was sent from another site's page, or by a browser that does not say from where."""

    code = "foreign_form"
    kind = Kind.FORBIDDEN
    title = "This form was not sent from our page."


class FormUsed(Refusal):
    """The form took effect already, and came again with something else in it. `location` is where its effect is seen."""

    code = "form_used"
    kind = Kind.CONFLICT
    title = "This form was sent before."


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """How a field looks on the page; stands in the annotation: `email: Annotated[Email, Entry(label=N_("E-mail"), kind="email")]`.

    Texts are English, marked with `N_`. `messages` says what is wrong by pydantic's error type, `""` for any other; `facts` are what the
    hint's placeholders stand for.
    """

    label: str
    kind: Literal[
        "text", "email", "tel", "url", "password", "number", "search", "date", "time", "datetime-local",
        "textarea", "select", "radio", "checkbox",
    ] = "text"  # fmt: skip
    hint: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    autocomplete: str = ""
    inputmode: str = ""
    enterkeyhint: str = ""
    placeholder: str = ""
    width: Literal["", "short", "half"] = ""
    messages: Mapping[str, str] = field(default_factory=dict)


class Form(BaseModel):
    """The fields of a form. A field that it does not name is never looked at; what is empty counts as not sent."""

    model_config = ConfigDict(extra="ignore", str_strip_whitespace=True, frozen=True)

    many: ClassVar[frozenset[str]] = frozenset()
    """The fields that may be sent more than once, and are tuples or lists."""

    @classmethod
    def entry(cls, name: str) -> Entry:
        """How this field looks."""
        for each in cls.model_fields[name].metadata:
            if isinstance(each, Entry):
                return each
        raise AssertionError(f"{cls.__name__}.{name} has no Entry")


class ButtonForm(Form):
    """A form of nothing but its button."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a field, or with the whole form (`name` is empty). `message` is English with `%(name)s` placeholders."""

    name: str
    message: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The message in the tongue of the page."""
        message = gettext(self.message)
        for name, value in self.facts.items():
            message = message.replace(f"%({name})s", str(value))
        return message


@dataclass(frozen=True, slots=True)
class Filled(Generic[F]):
    """A form as it stands on the page: what was typed, what is wrong with it, and the token that makes it count once.

    `value` is there exactly where nothing is wrong.
    """

    model: type[F]
    token: str
    typed: Mapping[str, tuple[str, ...]]
    value: F | None = None
    problems: tuple[Problem, ...] = ()
    raw: bytes = b""

    def entry(self, name: str) -> Entry:
        """How this field looks."""
        return self.model.entry(name)

    def text(self, name: str) -> str:
        """What stands in the field."""
        return (self.typed.get(name) or ("",))[0]

    def texts(self, name: str) -> tuple[str, ...]:
        """All that was chosen in a field that takes several."""
        return self.typed.get(name, ())

    def is_required(self, name: str) -> bool:
        """Whether the form is wrong without this field."""
        info: FieldInfo = self.model.model_fields[name]
        return info.is_required()

    def problem_of(self, name: str) -> Problem | None:
        """The first thing that is wrong with the field."""
        return next((each for each in self.problems if each.name == name), None)

    def with_problem(self, name: str, message: str, **facts: Any) -> "Filled[F]":
        """The form, which also has this problem (of no field where `name` is empty)."""
        return replace(self, value=None, problems=(*self.problems, Problem(name, message, facts)))

    def refused(self, refusal: Refusal, name: str = "") -> "Filled[F]":
        """The form with what an action refused; the wrong fields of an Invalid stand beside their own entries."""
        if not isinstance(refusal, Invalid):
            return self.with_problem(name, refusal.title)
        filled = self
        for error in refusal.errors:
            parts = error.pointer.lstrip("/?").split("/")
            owner = parts[0] if parts[0] in self.model.model_fields else name
            filled = filled.with_problem(owner, error.detail[:1].upper() + error.detail[1:] + ".")
        return filled


def blank(request: Request, house: House, model: type[F], *, now: datetime, **typed: Any) -> Filled[F]:
    """A form with these values in its fields, not sent yet. The page that shows it must be `personal`."""
    return Filled(
        model,
        token=new_token(request, house, now=now),
        typed={name: _texts(value) for name, value in typed.items() if value is not None},
    )


async def read(request: Request, house: House, model: type[F], *, now: datetime) -> Filled[F]:
    """The form that was sent, with everything that is wrong with it. Raises ForeignForm."""
    refuse_foreign(request, house)
    raw = await request.body()
    typed = _parse(raw)
    sent_token = (typed.get(FORM_FIELD) or ("",))[0]
    problems: list[Problem] = []
    value: F | None = None
    try:
        value = model.model_validate(
            {
                name: list(texts) if name in model.many else texts[0]
                for name, texts in typed.items()
                if name in model.model_fields and any(text.strip() for text in texts)
            }
        )
    except ValidationError as wrong:
        problems = [_problem(model, error) for error in wrong.errors(include_url=False)]
        order = list(model.model_fields)
        problems.sort(key=lambda each: order.index(each.name) if each.name in order else len(order))
    token = sent_token
    if not is_good_token(request, house, sent_token, now=now):
        value, token = None, new_token(request, house, now=now)
        problems.append(Problem("", EXPIRED))
    return Filled(model, token=token, typed=typed, value=value, problems=tuple(problems), raw=raw)


EXPIRED: Final = N_("This page was open for too long. Look at it once more and send it again: nothing was lost.")

_MESSAGES: Final[Mapping[str, str]] = {
    "missing": N_("Fill this in."),
    "string_too_short": N_("This is too short: at least %(min_length)s characters."),
    "string_too_long": N_("This is too long: at most %(max_length)s characters."),
    "int_parsing": N_("Enter a whole number."),
    "int_from_float": N_("Enter a whole number."),
    "decimal_parsing": N_("Enter a number."),
    "greater_than_equal": N_("Enter %(ge)s or more."),
    "greater_than": N_("Enter more than %(gt)s."),
    "less_than_equal": N_("Enter %(le)s or less."),
    "less_than": N_("Enter less than %(lt)s."),
    "email": N_("Enter an e-mail address such as ada@example.org."),
    "url": N_("Enter a web address that begins with https://."),
    "line_break": N_("Write this on one line."),
    "control_character": N_("This has characters that cannot be shown. Type it instead of pasting it."),
    "enum": N_("Choose one of these."),
    "literal_error": N_("Choose one of these."),
    "date_from_datetime_parsing": N_("Enter a date."),
    "date_parsing": N_("Enter a date."),
    "time_parsing": N_("Enter a time, such as 19:30."),
    "datetime_from_date_parsing": N_("Enter a date and a time."),
    "datetime_parsing": N_("Enter a date and a time."),
    "bool_parsing": N_("Choose one of these."),
    "": N_("This does not look right."),
}


def _problem(model: type[Form], error: Any) -> Problem:
    name = str(error["loc"][0]) if error["loc"] else ""
    own = model.entry(name).messages if name in model.model_fields else {}
    kind = error["type"]
    message = own.get(kind) or own.get("") or _MESSAGES.get(kind) or _MESSAGES[""]
    return Problem(name, message, {each: value for each, value in error.get("ctx", {}).items() if each != "error"})


async def submit_once(
    request: Request,
    house: House,
    filled: Filled[F],
    *,
    scope: str,
    act: Callable[[Keep[Done]], Awaitable[Done]],
    then: Callable[[Done], str],
    now: datetime,
) -> Response:
    """A redirect to `then(done)`. The same form again (double click, reload, lost answer) acts no second time and leads there too.

    `scope` is who asks (`who.idempotency_scope`); `act` is given what it must commit along. A refusal of `act` passes through, and
    the same form may be sent again. Raises FormUsed where it comes again with something else in it.
    """
    assert filled.value is not None
    name, fingerprint = _name_of(filled, scope=scope), fingerprint_of(house, "POST", request.url.path, filled.raw)
    try:
        kept = await answer_under(
            house,
            name=name,
            fingerprint=fingerprint,
            act=act,
            render=lambda done: Answer(303, {"location": then(done)}),
            now=now,
        )
    except IdempotencyKeyReused as reused:
        record = await house.store.get(IDEMPOTENCY, (name,))
        assert record is not None
        raise FormUsed(location=_location_of(house, record)) from reused
    return see(house, orjson.loads(kept.body)["location"])


async def sent_before(
    request: Request, house: House, filled: Filled[F], *, scope: str, now: datetime
) -> Response | None:
    """The redirect that this very form was answered with before, under the scope of `submit_once`; None where it took no effect yet.

    For pages that decide something before they act, which may be otherwise by now: the sale is over, what was bought is gone.
    """
    record = await house.store.get(IDEMPOTENCY, (_name_of(filled, scope=scope),))
    if record is None or record["expires_at"] <= now:
        return None
    if record["fingerprint"] != fingerprint_of(house, "POST", request.url.path, filled.raw):
        return None
    return see(house, _location_of(house, record))


def _name_of(filled: Filled[F], *, scope: str) -> str:
    return key_of(filled.token.partition(".")[0], scope=f"form {scope}")


def _location_of(house: House, record: Record) -> str:
    location: str = orjson.loads(replay(house, record, fingerprint=record["fingerprint"]).body)["location"]
    return location


def see(house: House, path: str) -> Response:
    """A redirect to a page of ours, after a form did its work. `path` begins with one slash; raises AssertionError for another site."""
    assert is_own_path(path), f"{path} is no path of ours"
    return Response(status_code=303, headers={"Location": house.settings.root_path + path, "Cache-Control": "no-store"})


def is_own_path(path: str) -> bool:
    """Whether this is a path below our root, and no way to another site (`//evil`, `/\\evil`, `javascript:`)."""
    return path.startswith("/") and not path.startswith(("//", "/\\")) and not any(ord(sign) < 33 for sign in path)


def next_path(request: Request, default: str = "/") -> str:
    """The page that `?next=` names, where it is one of ours."""
    asked = request.query_params.get("next", "")
    return asked if len(asked) <= 1_000 and is_own_path(asked) else default


# Tokens ---------------------------------------------------------------------------------------------------------------


def new_token(request: Request, house: House, *, now: datetime) -> str:
    """A token for one form: its first part is the idempotency key, its last part shows that it is ours and this browser's."""
    body = f"{house.new_id('frm', now)}{house.entropy.bits(64):016x}.{int(now.timestamp()):x}"
    return f"{body}.{_mac(request, house, body)}"


def is_good_token(request: Request, house: House, token: str, *, now: datetime) -> bool:
    """Whether we made this token, for this browser, not long ago."""
    body, _, mac = token.rpartition(".")
    if len(token) > _TOKEN_LENGTH_MAX or not token.isascii() or not body:
        return False
    if not hmac.compare_digest(mac, _mac(request, house, body)):
        return False
    return now - opened_at(token) <= FORM_LASTS


def opened_at(token: str) -> datetime:
    """When the page with this form was made, to the second. The token must be a good one."""
    return datetime.fromtimestamp(int(token.split(".")[1], 16), UTC)


def _mac(request: Request, house: House, body: str) -> str:
    key = house.keys.derive("form tokens")
    return hmac.digest(key, f"{browser_of(request, house)} {body}".encode(), "sha256")[:_MAC_BYTES].hex()


def refuse_foreign(request: Request, house: House) -> None:
    """Nothing, where the request comes from a page of ours. Raises ForeignForm.

    Browsers say it in `Sec-Fetch-Site`, older ones in `Origin`; one that says neither sends our cookies on no foreign form
    (`SameSite`), so that the token decides.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        raise ForeignForm
    origin = request.headers.get("origin")
    if origin is None or (origin == "null" and site == "same-origin"):
        return
    asked = urlsplit(origin)
    ours = urlsplit(house.settings.base_url)
    is_ours = (asked.scheme, asked.netloc) == (ours.scheme, ours.netloc)
    if not is_ours and (asked.scheme not in ("http", "https") or asked.netloc != request.headers.get("host")):
        raise ForeignForm


def _parse(raw: bytes) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    try:
        pairs = parse_qsl(raw.decode("utf-8"), keep_blank_values=True, max_num_fields=FORM_FIELDS_MAX, errors="strict")
    except ValueError:
        return {}
    for name, value in pairs:
        if name != LANGUAGE_PARAMETER:
            found.setdefault(name, []).append(value.replace("\r\n", "\n"))
    return {name: tuple(values) for name, values in found.items()}


def _texts(value: Any) -> tuple[str, ...]:
    if isinstance(value, list | tuple | set | frozenset):
        return tuple(str(each) for each in value)
    if isinstance(value, bool):
        return ("on",) if value else ()
    return (str(value),)
