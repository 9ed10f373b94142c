"""The living page of every component and its states, in test mode alone: whoever writes a page looks here, and so do the browser tests."""

from datetime import timedelta
from typing import Annotated, Final

from fastapi import APIRouter
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from ticketing.base.errors import NotFound
from ticketing.base.house import House
from ticketing.base.money import Money
from ticketing.catalog.posters import poster
from ticketing.web import forms
from ticketing.web.bodies import Email, Name, Text
from ticketing.web.forms import Entry, Filled, Form
from ticketing.web.render import page
from ticketing.web.routing import Now, TheHouse

routes = APIRouter(include_in_schema=False)


class SampleForm(Form):
    """One field of each kind. Its words are samples, in English alone."""

    first_name: Annotated[Name, Entry(label="First name", autocomplete="given-name", width="half")]
    last_name: Annotated[Name, Entry(label="Last name", autocomplete="family-name", width="half")]
    email: Annotated[
        Email,
        Entry(
            label="E-mail",
            kind="email",
            hint="Your tickets are sent there.",
            autocomplete="email",
            messages={"missing": "Enter the address that your tickets should go to."},
        ),
    ]
    age: Annotated[int, Entry(label="Age", inputmode="numeric", width="short")] = 0
    country: Annotated[str, Entry(label="Country", kind="select", autocomplete="country")] = ""
    payment: Annotated[str, Entry(label="How to pay", kind="radio")]
    note: Annotated[Text, Entry(label="Note", kind="textarea")] = ""
    news: Annotated[bool, Entry(label="Write to me when this organizer has something new", kind="checkbox")] = False


OPTIONS: Final = {
    "country": (("AT", "Austria"), ("DE", "Germany"), ("JP", "Japan")),
    "payment": (("card", "Card, Apple Pay or Google Pay"), ("transfer", "Bank transfer")),
}
TITLES: Final = (
    "Haydn in the garden",
    "The Vienna Symphony Orchestra plays all nine symphonies of Ludwig van Beethoven in three evenings, with the choir of the Singverein",
    "أمسية موسيقية في دار الأوبرا",
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft",
)


@routes.get("/design")
async def get_design(request: Request, house: TheHouse, now: Now) -> Response:
    """Every component. `?brand=aa33cc` puts another colour in the place of ours."""
    refuse_unless_test(house)
    return shown(request, house, forms.blank(request, house, SampleForm, now=now, first_name="Ada"), now=now)


@routes.post("/design")
async def post_design(request: Request, house: TheHouse, now: Now) -> Response:
    """The form with its mistakes; a good one leads back."""
    refuse_unless_test(house)
    filled = await forms.read(request, house, SampleForm, now=now)
    if filled.value is None:
        return shown(request, house, filled, now=now, status=422)
    return forms.see(house, "/design")


def refuse_unless_test(house: House) -> None:
    """Nothing in test mode. Raises NotFound."""
    if not house.settings.test_mode:
        raise NotFound


def shown(request: Request, house: TheHouse, filled: Filled[SampleForm], *, now: Now, status: int = 200) -> Response:
    """The page."""
    return page(
        request,
        "site/design.html",
        settings=house.settings,
        status=status,
        personal=True,
        brand=request.query_params.get("brand"),
        form=filled,
        options=OPTIONS,
        titles=TITLES,
        price=Money(1800, "EUR"),
        total=Money(5450, "EUR"),
        starts=now + timedelta(days=30),
        ends=now + timedelta(days=30, hours=3),
        draw=lambda name: Markup(poster(f"evt_{name}", category="")),  # noqa: S704 - it holds nothing but numbers
    )
