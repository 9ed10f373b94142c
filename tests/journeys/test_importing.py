"""Imports end to end: real files and spreadsheets become events that can be found, once however often they are run."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from tests.support.houses import NOON, Api, make_house, sign_up
from tests.support.processes import Site, site
from ticketing.accounts.model import UserType
from ticketing.accounts.store import read_user_by_email
from ticketing.base.house import House
from ticketing.importing.actions import Loaded, load
from ticketing.importing.events_csv import read_events_csv
from ticketing.importing.model import Import
from ticketing.importing.sources import SOURCES, for_the_demo, shipped
from ticketing.storage.sql.doctor import examine
from ticketing.storage.sql.opening import open_store, search_of

FESTIVAL = """\
id,event_name,start_date_time,end_date_time,timezone,venue_name,city,country,venue_capacity,categories,currency,\
ticket_type,price,quantity
nye,New Year,2027-12-31 20:00,2028-01-01 02:00,Europe/Berlin,Werft,Hamburg,DE,900,Party;Music,EUR,Regular,49.50,700
nye,,,,,,,,,,,Reduced,29.00,100
bees,Bees,2027-03-28 18:00,2027-03-28 19:30,Europe/Berlin,Werft,Hamburg,DE,900,Talk,EUR,Seat,0,500
"""


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    store = open_store(tmp_path / "ticket.db")
    yield Api(replace(make_house(store), search=search_of(store)))
    await store.close()


async def organizer(house: House, name: str = "ada") -> str:
    await sign_up(house, name, UserType.ORGANIZER)
    user = await read_user_by_email(house.store, f"{name}@example.org")
    assert user is not None
    return user.user_id


def csv(text: str = FESTIVAL) -> Import:
    return read_events_csv(text.encode())


async def run(house: House, user_id: str, content: Import, now: datetime = NOON) -> Loaded:
    return await load(house, user_id, content, now=now)


async def test_an_imported_event_is_public_with_its_venue_categories_and_ticket_types(api: Api) -> None:
    user_id = await organizer(api.house)

    loaded = await run(api.house, user_id, csv())

    (event,) = (await api.get("/v1/events?q=new+year&expand=venue,ticket_types,categories")).json()["data"]
    assert (loaded.events, loaded.ticket_types, loaded.venues, loaded.mistakes) == (2, 3, 1, ())
    assert (event["status"], event["organizer_user_id"]) == ("upcoming", user_id)
    assert event["start_date_time"] == "2027-12-31T19:00:00Z"
    assert (event["venue"]["venue_name"], event["venue"]["capacity"]) == ("Werft", 900)
    assert {category["category_name"] for category in event["categories"]} == {"Party", "Music"}
    assert [
        (kind["ticket_type"], kind["price"]["amount"], kind["quantity_available"]) for kind in event["ticket_types"]
    ] == [
        ("Regular", 4950, 700),
        ("Reduced", 2900, 100),
    ]


async def test_a_second_run_adds_nothing(api: Api) -> None:
    user_id = await organizer(api.house)
    await run(api.house, user_id, csv())

    again = await run(api.house, user_id, csv())

    assert (again.events, again.venues, again.ticket_types, again.known_events) == (0, 0, 0, 2)
    assert len((await api.get("/v1/events")).json()["data"]) == 2


async def test_a_second_run_adds_what_is_new(api: Api) -> None:
    user_id = await organizer(api.house)
    await run(api.house, user_id, csv())

    again = await run(api.house, user_id, csv(FESTIVAL.replace("bees,Bees", "wasps,Wasps")))

    assert (again.events, again.venues, again.known_events) == (1, 0, 1)


async def test_what_one_organizer_calls_its_events_says_nothing_of_anothers(api: Api) -> None:
    await run(api.house, await organizer(api.house, "ada"), csv())

    other = await run(api.house, await organizer(api.house, "bob"), csv())

    assert (other.events, other.known_events) == (2, 0)


async def test_categories_that_are_there_are_used_whatever_their_case(api: Api) -> None:
    user_id = await organizer(api.house)
    await run(api.house, user_id, csv())

    await run(api.house, user_id, csv(FESTIVAL.replace("bees,", "wasps,").replace("Talk", "PARTY")))

    names = [category["category_name"] for category in (await api.get("/v1/categories")).json()["data"]]
    assert names == ["Music", "Party", "Talk"]


async def test_an_event_that_cannot_go_in_is_named_and_the_others_go_in(api: Api) -> None:
    content = csv()
    too_many = replace(content.events[0], capacity=100_000)

    loaded = await run(api.house, await organizer(api.house), replace(content, events=(too_many, content.events[1])))

    assert loaded.events == 1
    assert [mistake.place for mistake in loaded.mistakes] == [content.events[0].source_key]
    assert "900" in loaded.mistakes[0].reason


async def test_a_venue_that_was_deleted_is_made_again_for_a_new_event(api: Api) -> None:
    user_id = await organizer(api.house)
    content = csv()
    await run(api.house, user_id, replace(content, events=()))
    token = await sign_up(api.house, "root", UserType.ADMIN)
    (venue,) = (await api.get("/v1/venues")).json()["data"]
    assert (await api.delete(f"/v1/venues/{venue['venue_id']}", token=token)).status_code == 204

    loaded = await run(api.house, user_id, content)

    assert (loaded.venues, loaded.events, loaded.mistakes) == (1, 2, ())


@pytest.mark.parametrize("name", list(SOURCES))
async def test_a_real_source_goes_in_whole_for_the_demo_and_once(api: Api, name: str, tmp_path: Path) -> None:
    user_id = await organizer(api.house)
    content = for_the_demo(shipped(name), now=NOON)

    first = await run(api.house, user_id, content)
    second = await run(api.house, user_id, content)

    assert (first.events, first.mistakes) == (len(content.events), content.mistakes)
    assert first.events > 90
    assert (second.events, second.known_events) == (0, first.events)
    assert examine(tmp_path / "ticket.db") == []


# the command ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def here(tmp_path: Path) -> Site:
    return site(tmp_path)


def test_the_command_names_what_is_wrong_loads_the_rest_and_says_so_by_its_code(here: Site) -> None:
    (here.folder / "events.csv").write_text(FESTIVAL + "late,Late,2027-05-01 20:00,2027-05-01 19:00,Europe/Berlin\n")

    ended = here.run("import", "csv", "events.csv")
    again = here.run("import", "csv", "events.csv", "--json")

    assert ended.returncode == 1
    assert "events.csv: line 5" in ended.stderr
    assert "2 events with 3 ticket types and 1 venues are new" in ended.stdout
    counted = json.loads(again.stdout)
    assert (counted["events"], counted["known_events"], len(counted["mistakes"])) == (0, 2, 1)


def test_the_command_reads_a_public_source_from_its_folder(here: Site) -> None:
    data = Path(__file__).parents[2] / "src/ticketing/importing/demo_data/worldcup"

    ended = here.run("import", "worldcup", str(data))

    assert (ended.returncode, ended.stdout) == (
        0,
        "104 events with 0 ticket types and 16 venues are new; 0 events were there already; 0 mistakes.\n",
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("csv",), "csv takes one file"),
        (("csv", "gone.csv"), "gone.csv cannot be read"),
        (("worldcup", "--as", "nobody@example.org"), "nobody@example.org is no organizer here"),
    ],
)
def test_the_command_says_why_it_cannot_begin(here: Site, arguments: tuple[str, ...], told: str) -> None:
    ended = here.run("import", *arguments)

    assert ended.returncode == 2
    assert told in ended.stderr
    assert "Traceback" not in ended.stderr
