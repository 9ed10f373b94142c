"""Every bound of the house with its reason, in one place. What passes one gets a clear refusal."""

from datetime import timedelta
from typing import Final

# The storage port
CHANGES_PER_COMMIT_MAX: Final = 100
"""DynamoDB takes at most 100 actions in a transaction."""
COMMIT_BYTES_MAX: Final = 3 * 1024 * 1024
"""DynamoDB takes at most 4 MB in a transaction, the names of fields and what orders indexes included, up to 8 KB an item."""
ITEM_BYTES_MAX: Final = 392 * 1024
"""DynamoDB takes at most 400 KB in an item, with the same included."""
INTEGER_MAX: Final = 2**53
"""Up to here a number is the same number to every reader of JSON."""
POOL_MAX: Final = 10**12
"""More than the people on earth; a pool without a limit starts here, and sums stay far below 2**63."""
COMMITS_WAITING_MAX: Final = 4096
"""Commits that may wait for the writer. At some thousands a second that is under a second of waiting."""
COMMITS_PER_BATCH_MAX: Final = 128
"""Commits made durable at once. A longer batch gains nothing (as many orders a second), and all of it is answered in one turn of the
event loop, in which nobody else is heard: with 512, one refusal in three took over 100 ms under overload, with 128 one in fifty."""
DATABASE_CONNECTIONS_MAX: Final = 16
"""Connections of one process to a database server, and never more than two for each core: more only wait for one another there."""
DECISION_ROUNDS_MAX: Final = 8
"""How often a decision is taken anew because what it had read was changed meanwhile. Past this the item is too busy."""

# Requests
BODY_BYTES_MAX: Final = 1024 * 1024
"""No request of ours needs more than a few kilobytes; imports go through the command line."""
REQUESTS_IN_FLIGHT_MAX: Final = 1_024
"""Requests being worked on, which wait a fifth of a second for one another at some thousands a second. Past it all are told to
come again at once, which costs a fraction of answering."""
REQUEST_ID_LENGTH_MAX: Final = 128
"""A caller's own `X-Request-Id`: two UUIDs and some punctuation. It stands in every log line."""
FORM_FIELDS_MAX: Final = 500
"""The longest page of ours sends fifty ticket types with a handful of fields each."""
PAGE_LIMIT_MAX: Final = 100
PAGE_LIMIT: Final = 20
IDEMPOTENCY_KEY_LENGTH_MAX: Final = 255
"""As Stripe's. A UUID has 36."""
IDEMPOTENCY_KEPT: Final = timedelta(hours=72)
"""A client that retries for longer than three days has lost its answer for other reasons."""

# Texts
NAME_LENGTH_MAX: Final = 200
TEXT_LENGTH_MAX: Final = 10_000
SHORT_TEXT_LENGTH_MAX: Final = 500
EMAIL_LENGTH_MAX: Final = 254
"""RFC 5321: a path has 256 octets with its angle brackets."""
URL_LENGTH_MAX: Final = 2_000
PASSWORD_LENGTH_MIN: Final = 8
PASSWORD_LENGTH_MAX: Final = 256
"""Bounds the work of argon2; ASVS asks to allow at least 64."""

# Events
TAGS_MAX: Final = 20
TAG_LENGTH_MAX: Final = 50
LINKS_MAX: Final = 10
AMENITIES_MAX: Final = 50
CATEGORIES_PER_EVENT_MAX: Final = 10
TICKET_TYPES_PER_EVENT_MAX: Final = 50
"""All of an event's ticket types are read with it, and cancelling it changes each in one commit."""
CATEGORIES_MAX: Final = 1_000
EVENT_DURATION_MAX: Final = timedelta(days=366)
CAPACITY_MAX: Final = 10_000_000
CANCELLATION_HOURS_MAX: Final = 366 * 24
"""A deadline further ahead than a year is no deadline: say null, and nobody cancels."""
CANCELLATION_FEE_BP_MAX: Final = 9_999
"""Basis points of what was paid. Who keeps all of it, does not let anybody cancel."""
QUANTITY_MAX: Final = 10_000_000
BLOCKS_PER_POOL_MAX: Final = 64
"""So many parts of one pool are sold from at once: one partition of DynamoDB each, and few enough to be read with one call."""
BLOCK_PLACES_MIN: Final = 4
"""A smaller part is not worth the commit that takes it out: these places are sold from the pool itself."""
BLOCK_PLACES_MAX: Final = 1_000
"""What one process sells in about a second at most, and what has to be brought back where it stops."""
BLOCKS_REST_SECONDS: Final = 2.0
"""How long a process takes nothing out of a pool whose parts were brought back, so that who needed them whole finds them so."""

# Sales
ORDER_LINES_MAX: Final = 20
"""Each line is up to three changes of the commit that places the order."""
TICKETS_PER_ORDER_MAX: Final = 50
"""Each ticket is an admission inserted in the commit that completes the order, which has 100 changes at most."""
HOLD_SECONDS_MAX: Final = 24 * 3600
HOLD_EXTENSIONS_MAX: Final = 10
"""WCAG 2.2.1: ten times the default satisfies it."""
REFUNDS_PER_ORDER_MAX: Final = 100
PAYMENTS_PER_ORDER_MAX: Final = 50
"""Declined cards are tried again; fifty attempts on one order are not a person's."""

TRANSFER_OFFER_LASTS: Final = timedelta(days=7)
"""A ticket that is offered to somebody who does not answer within a week is better offered to somebody else."""
DRAWINGS_WAITING_MAX: Final = 64
"""Pages of tickets that wait for the one thread that draws: a ticket takes some 30 ms, so that the last waits for about two seconds."""

# Accounts
USERNAME_LENGTH_MAX: Final = 64
PHONE_LENGTH_MAX: Final = 50
"""E.164 has 15 digits; people write spaces, brackets and extensions."""
SESSION_LASTS: Final = timedelta(days=14)
SESSIONS_PER_USER_MAX: Final = 50
"""A new log-in ends the oldest past this: nobody has fifty devices, and a script that logs in each time stays bounded."""
API_KEYS_PER_USER_MAX: Final = 50
PASSWORD_THREADS: Final = 2
"""argon2 holds 19 MiB and a core for 50 to 150 ms; more threads would take the cores from selling."""
PASSWORDS_WAITING_MAX: Final = 32
"""Hashes under way or waiting: two threads work them off in about two seconds; who comes later is told to try again."""
LIMIT_BUCKETS_MAX: Final = 50_000
"""Remembered callers for each rate limit, some 200 bytes each; the longest unseen is forgotten first."""
PROXIES_MAX: Final = 16
"""Proxies between a client and us that are believed one after the other. Real chains have one to four; a header may name thousands."""
DEVICES_PER_EVENT_MAX: Final = 200

# The door
SCANNED_LENGTH_MAX: Final = 7_089
"""What the largest QR symbol holds: whatever a camera reads at the door gets an answer of the door."""

# Search
SEARCH_LENGTH_MAX: Final = 200
SEARCH_WORDS_MAX: Final = 12
"""Each word is one more list to walk; a longer search is a pasted text, which finds nothing."""
SEARCH_WORD_LENGTH_MAX: Final = 40
"""The rest of a longer word is cut where it is stored and where it is searched for, so that both still meet."""
CITY_VENUES_MAX: Final = 500
"""Venues of one city that a search looks at, each one more list to walk. Past it the city is refused and not half answered."""

CALENDAR_EVENTS_MAX: Final = 300
"""Events on the page of a month: ten a day. Past it the page says that it was cut, and each day leads to all of its events."""

# Streams
WATCHES_MAX: Final = 2_000
"""Streams of one process that tell what is left of events: a connection and some kilobytes each. Who finds none has the page as it is."""
WATCHES_PER_CLIENT_MAX: Final = 100
"""Of one address, behind which a campus may sit; a page has one stream, and only while it is seen."""
WATCH_SECONDS_MAX: Final = 600
"""Then a stream ends, and the browser opens another: so connections spread anew over processes that were added."""

# Feeds
FEED_EVENTS_MAX: Final = 500
"""Events in a calendar that is subscribed to, the nearest ones: a phone reads all of it every hour."""
FEEDS_KEPT_MAX: Final = 64
"""Calendars and parts of the sitemap that a process keeps: of the largest, with 50,000 addresses, some 6 MB each."""
PREVIEWS_KEPT_MAX: Final = 64
"""Pictures of events to share that a process keeps, some 40 KB each."""
SITEMAP_URLS_MAX: Final = 50_000
"""What sitemaps.org allows in one part. Parts are months; a million events of two years are 42,000 a month."""
SITEMAP_MONTHS_MAX: Final = 1_200

# Pages
PAGES_KEPT_MAX: Final = 256
"""Public pages that a process keeps for a moment, each in a language and a coding. A page has some 4 KB: a megabyte in all."""
PAGE_KEPT_BYTES_MAX: Final = 64 * 1024
"""What is larger is made anew each time, so that the pages that are kept have 16 MB at most."""

# Imports
IMPORT_BYTES_MAX: Final = 20 * 1024 * 1024
"""Read into memory at once. Twenty thousand lines of a spreadsheet are a few megabytes."""
IMPORT_LINES_MAX: Final = 20_000
IMPORT_FIELD_LENGTH_MAX: Final = TEXT_LENGTH_MAX
IMPORT_MISTAKES_MAX: Final = 1_000
"""More mistakes have one cause, and nobody reads them; the last line says how many were left out."""

# Mail
MAIL_ATTEMPTS_MAX: Final = 40
"""With pauses that double up to two hours, three days of a server that asks for patience."""
MAIL_TRIED_FOR: Final = timedelta(days=4)
"""A mail that waited for so long is not sent any more: a house that is given a mail server does not begin with last month's news."""
MAILS_KEPT: Final = timedelta(days=180)
"""The log of mails is for questions like "did I get my tickets?", which nobody asks half a year later."""
MAILS_PER_TURN_MAX: Final = 40
"""Made and handed over before the next are looked for: each costs a millisecond or more, between which others are heard."""
FACTS_PER_TURN_MAX: Final = 40
"""Each is two changes or three of a commit, which has a hundred."""
LINKS_AT_ONCE_MAX: Final = 5
"""Links of one purpose that one user may ask for within as long as a link lasts: nobody is flooded with mail by strangers."""
LINK_LASTS: Final = timedelta(minutes=15)
RESENDS_PER_ORDER_MAX: Final = 10
