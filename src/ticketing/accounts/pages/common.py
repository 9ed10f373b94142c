"""What the pages of accounts share: a page of one form, fields of passwords, and keeping the address of a page to itself."""

from typing import Annotated, Any, Final, TypeVar

from pydantic import StringConstraints
from starlette.requests import Request
from starlette.responses import Response

from ticketing.base.bounds import PASSWORD_LENGTH_MAX, PASSWORD_LENGTH_MIN
from ticketing.base.house import House
from ticketing.web.forms import Filled, Form
from ticketing.web.i18n import N_, tongue_of
from ticketing.web.render import page

F = TypeVar("F", bound=Form)

# A password is taken as it comes: outer spaces are part of it.
GivenPassword = Annotated[str, StringConstraints(strip_whitespace=False, max_length=PASSWORD_LENGTH_MAX)]
NewPassword = Annotated[
    str, StringConstraints(strip_whitespace=False, min_length=PASSWORD_LENGTH_MIN, max_length=PASSWORD_LENGTH_MAX)
]
NEW_PASSWORD: Final[dict[str, Any]] = {
    "kind": "password",
    "autocomplete": "new-password",
    "hint": N_("At least %(least)s characters. A few words that only you put together are good."),
    "facts": {"least": PASSWORD_LENGTH_MIN},
    "messages": {"missing": N_("Choose a password.")},
}
"""How the field of a new password looks, but for its label."""


def too_easy(filled: Filled[F]) -> Filled[F]:
    """The form, whose new password is one of the first that others would try."""
    return filled.with_problem("password", N_("Others would try this one first. Choose another."))


def form_page(
    request: Request,
    house: House,
    form: Filled[Any],
    *,
    heading: str,
    lead: str,
    submit: str,
    status: int = 200,
    **more: Any,
) -> Response:
    """A page that is one form; heading, lead and the button's words are English, marked with `N_`."""
    tongue = tongue_of(request)
    return page(
        request,
        "web/form_page.html",
        settings=house.settings,
        status=status,
        personal=True,
        form=form,
        heading=tongue.gettext(heading),
        lead=tongue.gettext(lead),
        submit=tongue.gettext(submit),
        **more,
    )


def untold(response: Response) -> Response:
    """The page, whose address may hold a mailed link: it is named to no page that follows."""
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
