"""The changes that store an event together with all that must never differ from it: mappings, uses of categories, its listing."""

from collections.abc import Iterable, Mapping

from ticketing.base.bounds import DEVICES_PER_EVENT_MAX
from ticketing.base.changes import Change, Check, Give, Insert, Pool, Remove, Replace, Take
from ticketing.base.tables import Record
from ticketing.events.blocks import NO_BLOCKS
from ticketing.events.listing import listing_record
from ticketing.events.model import Category, CategoryMapping, Event, TicketType
from ticketing.events.store import event_record, mapping_record, ticket_type_record
from ticketing.schema.tables import EVENT_CATEGORIES, EVENT_CATEGORY_MAPPING, EVENTS, LISTINGS, TICKETS, VENUES
from ticketing.venues.model import Venue


def insertion(
    event: Event,
    *,
    venue: Venue | None,
    categories: Mapping[str, Category],
    ticket_types: Iterable[TicketType] = (),
) -> tuple[Change, ...]:
    """The changes that store a new event, of any status. `ticket_types` are those whose ids the event names.

    They hold only if the venue is as it was read, and each category exists.
    """
    ticket_types = tuple(ticket_types)
    changes: list[Change] = [Insert(EVENTS, event_record(event))]
    if venue is not None:
        changes.append(Check(VENUES, (venue.venue_id,), venue.version))
    for category_id in event.categories:
        changes += _counted_in(event, category_id)
    if event.is_public:
        listing = _listing(event, venue=venue, categories=categories, ticket_types=ticket_types, version=None)
        changes.append(Insert(LISTINGS, listing))
    changes += [Insert(TICKETS, ticket_type_record(ticket_type)) for ticket_type in ticket_types]
    return tuple(changes)


def replacement(
    before: Event,
    after: Event,
    *,
    venue: Venue | None,
    categories: Mapping[str, Category],
    mappings: Mapping[str, CategoryMapping],
    listing_version: int | None,
    ticket_types: Iterable[TicketType],
) -> tuple[Change, ...]:
    """The changes that store `after` in place of `before`, which was read; the pool moves by what it differs in.

    `venue` and `categories` are those of `after`, `mappings` those of `before`; `ticket_types` are those of `after` as they will be,
    read after `listing_version`. They hold only if event, mappings, listing and venue are as they were read, and each added category
    exists. The listing's version stands for the prices too, since whoever changes one replaces it; where there is no listing yet, each
    ticket type must be as it was read.
    """
    moved = after.capacity_available - before.capacity_available
    pools = {"capacity_available": moved} if moved else None
    changes: list[Change] = [Replace(EVENTS, event_record(after), pools, only_at=NO_BLOCKS)]
    if venue is not None:
        changes.append(Check(VENUES, (venue.venue_id,), venue.version))
    for category_id in before.categories:
        if category_id not in after.categories:
            changes += _counted_out(mappings[category_id])
    for category_id in after.categories:
        if category_id not in before.categories:
            changes += _counted_in(after, category_id)
        elif _mapping(before, category_id) != _mapping(after, category_id):
            version = mappings[category_id].version
            changes.append(
                Replace(EVENT_CATEGORY_MAPPING, mapping_record(_mapping(after, category_id, version=version)))
            )
    if after.is_public:
        changes += relisting(
            after, venue=venue, categories=categories, ticket_types=ticket_types, listing_version=listing_version
        )
    return tuple(changes)


def relisting(
    event: Event,
    *,
    venue: Venue | None,
    categories: Mapping[str, Category],
    ticket_types: Iterable[TicketType],
    listing_version: int | None,
) -> tuple[Change, ...]:
    """The changes that list a public event as it is sold now; the arguments are as in `replacement`."""
    ticket_types = tuple(ticket_types)
    listing = _listing(event, venue=venue, categories=categories, ticket_types=ticket_types, version=listing_version)
    if listing_version is not None:
        return (Replace(LISTINGS, listing),)
    priced = (Check(TICKETS, (each.ticket_type_id,), each.version) for each in ticket_types)
    return (Insert(LISTINGS, listing), *priced)


def removal(
    event: Event, *, mappings: Mapping[str, CategoryMapping], ticket_types: Iterable[TicketType]
) -> tuple[Change, ...]:
    """The changes that delete a draft with its ticket types. They hold only if all of it is as it was read and no device is out."""
    changes: list[Change] = [
        Remove(EVENTS, (event.event_id,), event.version, {"devices_available": DEVICES_PER_EVENT_MAX})
    ]
    changes += [Remove(TICKETS, (ticket_type.ticket_type_id,), ticket_type.version) for ticket_type in ticket_types]
    for mapping in mappings.values():
        changes += _counted_out(mapping)
    return tuple(changes)


def _mapping(event: Event, category_id: str, *, version: int = 1) -> CategoryMapping:
    return CategoryMapping(event.event_id, category_id, event.is_public, event.start_date_time, version)


def _uses(category_id: str) -> Pool:
    return Pool(EVENT_CATEGORIES, (category_id,), "use_count")


def _counted_in(event: Event, category_id: str) -> tuple[Change, ...]:
    # The count holds only if the category exists, and stops its deletion from now on.
    return (
        Insert(EVENT_CATEGORY_MAPPING, mapping_record(_mapping(event, category_id))),
        Give(_uses(category_id), 1),
    )


def _counted_out(mapping: CategoryMapping) -> tuple[Change, ...]:
    key = (mapping.event_id, mapping.category_id)
    return (Remove(EVENT_CATEGORY_MAPPING, key, mapping.version), Take(_uses(mapping.category_id), 1))


def _listing(
    event: Event,
    *,
    venue: Venue | None,
    categories: Mapping[str, Category],
    ticket_types: Iterable[TicketType],
    version: int | None,
) -> Record:
    names = [categories[category_id].category_name for category_id in event.categories if category_id in categories]
    prices = [each.price for each in ticket_types]
    return listing_record(event, category_names=names, venue=venue, prices=prices, version=version)
