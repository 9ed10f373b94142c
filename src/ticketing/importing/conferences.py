"""Reads technical conferences in the JSON of the tech-conferences project, its topics merged into one list."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, time
from typing import Final

from ticketing.base import bounds
from ticketing.importing import places
from ticketing.importing.findings import Findings
from ticketing.importing.local_time import WrongLocalTime, moment_of, zone_named
from ticketing.importing.model import Import, ImportedEvent, ImportedVenue
from ticketing.importing.records import Record, document, shown
from ticketing.importing.text import distinct, shortened, source_key, web_link

OPENS: Final = time(9, 0)
CLOSES: Final = time(18, 0)
"""The listings have days and no hours: a conference opens at 09:00 of its first day and closes at 18:00 of its last."""
CATEGORY: Final = "Conference"
TAG_ONLINE: Final = "online"
TAG_IN_PERSON: Final = "in person"

_TOPICS: Final[Mapping[str, str]] = {
    "accessibility": "Accessibility",
    "android": "Android",
    "api": "APIs",
    "clojure": "Clojure",
    "cpp": "C++",
    "css": "CSS",
    "data": "Data",
    "devops": "DevOps",
    "dotnet": ".NET",
    "elixir": "Elixir",
    "general": "Software",
    "golang": "Go",
    "graphql": "GraphQL",
    "groovy": "Groovy",
    "ios": "iOS",
    "iot": "Internet of Things",
    "java": "Java",
    "javascript": "JavaScript",
    "kotlin": "Kotlin",
    "leadership": "Leadership",
    "networking": "Networking",
    "opensource": "Open Source",
    "performance": "Performance",
    "php": "PHP",
    "product": "Product",
    "python": "Python",
    "ruby": "Ruby",
    "rust": "Rust",
    "scala": "Scala",
    "security": "Security",
    "sre": "Reliability",
    "testing": "Testing",
    "typescript": "TypeScript",
    "ux": "UX",
}
_LANGUAGES: Final[Mapping[str, str]] = {
    "CS": "Czech",
    "DE": "German",
    "EN": "English",
    "ES": "Spanish",
    "FR": "French",
    "HE": "Hebrew",
    "IT": "Italian",
    "JA": "Japanese",
    "KO": "Korean",
    "PL": "Polish",
    "PT": "Portuguese",
    "RU": "Russian",
    "SV": "Swedish",
    "TR": "Turkish",
    "UK": "Ukrainian",
    "ZH": "Chinese",
}
_TWITTER_HANDLE: Final = re.compile(r"@?(\w{1,15})")
_MASTODON_HANDLE: Final = re.compile(r"@?(\w+)@([\w-]+(?:\.[\w-]+)+)")
_BLUESKY_HANDLE: Final = re.compile(r"@?([\w-]+(?:\.[\w-]+)+)")
_PROFILES: Final[Mapping[str, Callable[[str], str | None]]] = {
    "twitter": lambda handle: f"https://x.com/{found[1]}" if (found := _TWITTER_HANDLE.fullmatch(handle)) else None,
    "mastodon": lambda handle: (
        f"https://{found[2]}/@{found[1]}" if (found := _MASTODON_HANDLE.fullmatch(handle)) else None
    ),
    "bluesky": lambda handle: (
        f"https://bsky.app/profile/{found[1]}" if (found := _BLUESKY_HANDLE.fullmatch(handle)) else None
    ),
}


def read_conferences(content: bytes, *, file_name: str = "conferences-2026-2027.json") -> Import:
    """Every conference as an event. The listings name a city and no house, so that its venue is the city.

    An online-only conference has no venue and the zone UTC. The same conference under a second address is a mistake;
    a link or handle that is none is left out and named, and its conference goes in.
    """
    findings = Findings(file_name=file_name)

    def read_conference(conference: Record) -> None:
        venue = _venue(conference)
        event = _event(conference, venue=venue)
        findings.add_event(event, place=conference.place)
        if venue is not None:
            findings.add_venue(venue)
        _name_wrong_links(conference, findings)

    findings.attempt(lambda: findings.read_each(document(content, file_name=file_name), "", read_conference))
    return findings.imported()


def _venue(conference: Record) -> ImportedVenue | None:
    city, country = conference.text_or_empty("city"), conference.text_or_empty("country")
    if not city and not country:
        if not conference.flag("online"):
            raise conference.wrong("city", "is missing, and the conference is not online; it is left out")
        return None
    if not city or not country:
        missing = "country" if city else "city"
        raise conference.wrong(missing, "is missing beside the other of city and country; the conference is left out")
    if places.country_code(country) is None:
        raise conference.wrong("country", f"{shown(country)} is not known here; the conference is left out")
    place = places.place_of(city=city, country=country)
    if place is None:
        reason = f"the time zone of {shown(city)}, {country}, is not known; the conference is left out"
        raise conference.wrong("city", reason)
    return ImportedVenue(
        # One venue for each city, under its name here, so that two spellings share one.
        source_key=source_key("conferences", "venue", place.country, place.state, place.city),
        venue_name=shortened(f"{place.city}, {place.state or country}", length_max=bounds.NAME_LENGTH_MAX),
        address="",
        city=place.city,
        state=place.state,
        zip_code="",
        country=place.country,
        capacity=None,
        amenities=(),
        timezone=place.timezone,
        latitude=None,
        longitude=None,
    )


def _event(conference: Record, *, venue: ImportedVenue | None) -> ImportedEvent:
    name = conference.text("name")
    if web_link(conference.text("url")) is None:
        raise conference.wrong(
            "url", f"{shown(conference.text('url'))} is not a web address; the conference is left out"
        )
    first_day, last_day = conference.date("startDate"), conference.date("endDate")
    if last_day < first_day:
        raise conference.wrong("endDate", f"{last_day} is before startDate {first_day}; the conference is left out")
    if last_day - first_day >= bounds.EVENT_DURATION_MAX:
        raise conference.wrong("endDate", f"{last_day} is over a year after {first_day}; the conference is left out")
    timezone = venue.timezone if venue else "UTC"
    zone = zone_named(timezone)
    assert zone is not None
    try:
        start = moment_of(datetime.combine(first_day, OPENS), zone)
        end = moment_of(datetime.combine(last_day, CLOSES), zone)
    except WrongLocalTime as wrong:
        raise conference.wrong("startDate", f"{wrong}; the conference is left out") from wrong
    online = conference.flag("online")
    languages = [
        _LANGUAGES.get(code, code) for part in conference.text_or_empty("locales").split(",") if (code := part.strip())
    ]
    topics = [_TOPICS.get(topic, topic.capitalize()) for topic in conference.texts("topics")]
    where = f"in {venue.venue_name}" + (" and online" if online else "") if venue else "online"
    description = [f"A conference {where}."]
    if topics:
        description.append(f"Topics: {', '.join(topics)}.")
    if languages:
        description.append(f"Languages: {', '.join(languages)}.")
    if conference.flag("offersSignLanguageOrCC"):
        description.append("With sign language or closed captions.")
    return ImportedEvent(
        # The address is left out of the key: the listings have the same conference under two addresses, and addresses
        # change from year to year. One name is not used twice on one day in one place.
        source_key=source_key(
            "conferences", first_day.isoformat(), name, f"{venue.country} {venue.city}" if venue else TAG_ONLINE
        ),
        event_name=shortened(name, length_max=bounds.NAME_LENGTH_MAX),
        description=shortened("\n".join(description), length_max=bounds.TEXT_LENGTH_MAX),
        start_date_time=start,
        end_date_time=end,
        timezone=timezone,
        venue_key=venue.source_key if venue else None,
        categories=distinct(shortened(category, length_max=bounds.NAME_LENGTH_MAX) for category in (CATEGORY, *topics))[
            : bounds.CATEGORIES_PER_EVENT_MAX
        ],
        tags=distinct(
            shortened(tag, length_max=bounds.TAG_LENGTH_MAX)
            for tag in (
                TAG_IN_PERSON if venue else "",
                TAG_ONLINE if online else "",
                *languages,
                "captions" if conference.flag("offersSignLanguageOrCC") else "",
            )
        )[: bounds.TAGS_MAX],
        image_url=None,
        external_links=_links(conference),
        capacity=None,
        currency=None,
        ticket_types=(),
        sales_start_date=None,
        sales_end_date=None,
    )


def _links(conference: Record) -> tuple[str, ...]:
    """The usable ones. The call for papers is left out: it is over when tickets matter."""
    links = [web_link(conference.text("url")), web_link(conference.text_or_empty("cocUrl"))]
    links += [profile(conference.text_or_empty(network)) for network, profile in _PROFILES.items()]
    return distinct(link for link in links if link)[: bounds.LINKS_MAX]


def _name_wrong_links(conference: Record, findings: Findings) -> None:
    code_of_conduct = conference.text_or_empty("cocUrl")
    if code_of_conduct and web_link(code_of_conduct) is None:
        findings.add_mistake(
            f"{conference.place}.cocUrl", f"{shown(code_of_conduct)} is not a web address; the link is left out"
        )
    for network, profile in _PROFILES.items():
        handle = conference.text_or_empty(network)
        if handle and profile(handle) is None:
            findings.add_mistake(
                f"{conference.place}.{network}", f"{shown(handle)} is not a handle of {network}; the link is left out"
            )
