"""One sentence for the next page, after something was done: the cookie carries its name alone, so that nobody can make us say more."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

from starlette.requests import Request
from starlette.responses import Response

from ticketing.base.house import Settings
from ticketing.web.session import drop_cookie, read_cookie, set_cookie

FLASH: Final = "notice"
_LASTS: Final = timedelta(minutes=1)
"""The next page is asked for at once; a notice that waited longer would surprise."""


@dataclass(frozen=True, slots=True)
class Flash:
    """A sentence (English, marked with `N_`), and whether it is good news, a warning or a stop."""

    sentence: str
    meaning: Literal["go", "wait", "stop"] = "go"


_DECLARED: Final[dict[str, Flash]] = {}


def declare_flash(name: str, sentence: str, meaning: Literal["go", "wait", "stop"] = "go") -> str:
    """The name of a sentence that pages may leave for the next one. Each name stands for one sentence."""
    assert name not in _DECLARED or _DECLARED[name].sentence == sentence, f"two sentences are called {name}"
    _DECLARED[name] = Flash(sentence, meaning)
    return name


def leave_flash(response: Response, settings: Settings, name: str) -> None:
    """The next page says the sentence of this name, once."""
    assert name in _DECLARED, f"no sentence is called {name}"
    set_cookie(response, settings, FLASH, name, lasts=_LASTS)


def flash_of(request: Request, settings: Settings) -> Flash | None:
    """What the page before left to be said."""
    name = read_cookie(request, settings, FLASH)
    return None if name is None else _DECLARED.get(name)


def drop_flash(response: Response, settings: Settings) -> None:
    """It was said."""
    drop_cookie(response, settings, FLASH)
