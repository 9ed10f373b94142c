"""Every table, key and index on one page, each index with the question that it answers.

Names are the founding document's (`docs/words.md`); tables and columns it lacks stand beside its own. SQL and DynamoDB schemas
are both made from these declarations.
"""

from typing import Final

from ticketing.base.bounds import BLOCKS_PER_POOL_MAX
from ticketing.base.tables import Column, Index, Kind, Table

TEXT, INTEGER, BOOLEAN, TIME, JSON, POOL = (
    Kind.TEXT,
    Kind.INTEGER,
    Kind.BOOLEAN,
    Kind.TIME,
    Kind.JSON,
    Kind.POOL,
)


def one_of(column: str, *values: str) -> str:
    """The SQL condition that a column has one of these values."""
    return f"{column} in ({', '.join(repr(value) for value in values)})"


VERSION: Final = Column("version", INTEGER, check="version >= 1")

# accounts ------------------------------------------------------------------------------------------------------------

USERS: Final = Table(
    "users",
    "Users",
    ("user_id",),
    (
        Column("user_id"),
        Column("username", nullable=True),
        Column("email"),
        Column("password", nullable=True),  # argon2id; null for a guest buyer
        Column("first_name"),
        Column("last_name"),
        Column("phone", nullable=True),
        Column("address", nullable=True),
        Column("user_type", check=one_of("user_type", "guest", "regular", "organizer", "admin")),
        Column("user_shard", nullable=True),  # "0" for everyone with a login, null for guests
        Column("admin_shard", nullable=True),  # "0" for admins, null for everyone else
        Column("organizer_requested", BOOLEAN),
        Column("login_generation", INTEGER, check="login_generation >= 1"),  # sessions of an older one are over
        Column("api_keys_available", POOL),  # how many more API keys this user may have
        Column("created_date_time", TIME),
        VERSION,
        Column("email_proven_at", TIME, nullable=True),  # when somebody showed to read what is sent to this address
    ),
    indexes=(
        Index(
            "users_with_login", "users", "user_shard", ("created_date_time",), "Who has a login here? (admin's list)"
        ),
        Index("admins", "users", "admin_shard", ("created_date_time",), "Is there another admin?"),
    ),
    sorted_keys=False,
)

UNIQUES: Final = Table(
    "uniques",
    "Uniques",
    ("name",),
    (Column("name"), Column("target_id")),
    sorted_keys=False,
)
"""Markers that make something unique: `email#…`, `username#…`, `transaction#provider#…`, `import#…` -> the id that has it."""

SESSIONS: Final = Table(
    "sessions",
    "Sessions",
    ("session_id",),
    (
        Column("session_id"),
        Column("user_id", references="users"),
        Column("secret_hash"),
        Column("login_generation", INTEGER),  # the user's when it began
        Column("created_date_time", TIME),
        Column("expires_at", TIME),
        VERSION,
    ),
    indexes=(Index("sessions_by_user", "sessions", "user_id", ("created_date_time",), "Which log-ins has this user?"),),
)

LINKS: Final = Table(
    "links",
    "Links",
    ("link_id",),
    (
        Column("link_id"),  # "<user id>.<purpose>.<place>": a user has so many at once, and no more are mailed
        Column("user_id", references="users"),
        Column("purpose", check=one_of("purpose", "login", "reset", "verify")),
        Column("nonce"),  # the link's secret is made of it and of the master key
        Column("email"),  # to which it was mailed; another address of the user since then makes it void
        Column("login_generation", INTEGER),  # the user's when it was asked for
        Column("language"),
        Column("used", BOOLEAN),
        Column("created_date_time", TIME),
        Column("expires_at", TIME),
        VERSION,
    ),
    sorted_keys=False,
)
"""Links that are mailed and good for one use. A place is taken until `expires_at`, used or not."""

API_KEYS: Final = Table(
    "api_keys",
    "ApiKeys",
    ("api_key_id",),
    (
        Column("api_key_id"),
        Column("user_id", references="users"),
        Column("name"),
        Column("secret_hash"),
        Column("scopes", JSON),
        Column("created_date_time", TIME),
        Column("expires_at", TIME, nullable=True),
    ),
    indexes=(Index("api_keys_by_user", "api_keys", "user_id", ("created_date_time",), "Which keys has this user?"),),
)

DEVICES: Final = Table(
    "devices",
    "Devices",
    ("device_id",),
    (
        Column("device_id"),
        Column("event_id", references="events"),
        Column("name"),
        Column("secret_hash"),
        Column("created_date_time", TIME),
        Column("expires_at", TIME, nullable=True),
    ),
    indexes=(
        Index("devices_by_event", "devices", "event_id", ("created_date_time",), "Which devices scan at this event?"),
    ),
)

# venues --------------------------------------------------------------------------------------------------------------

VENUES: Final = Table(
    "venues",
    "Venues",
    ("venue_id",),
    (
        Column("venue_id"),
        Column("owner_user_id", references="users"),
        Column("venue_name"),
        Column("address", nullable=True),
        Column("city", nullable=True),
        Column(
            "city_key", nullable=True
        ),  # the city folded by `venues/rules.py:city_key`, so that case and accents do not matter
        Column("state", nullable=True),
        Column("zip_code", nullable=True),
        Column("country", nullable=True),
        Column("capacity", INTEGER, nullable=True, check="capacity >= 0"),
        Column("amenities", JSON),
        Column("timezone"),
        Column("latitude_e7", INTEGER, nullable=True, check="latitude_e7 between -900000000 and 900000000"),
        Column("longitude_e7", INTEGER, nullable=True, check="longitude_e7 between -1800000000 and 1800000000"),
        Column("venue_shard"),  # "0"
        Column("created_date_time", TIME),
        Column("last_updated_date_time", TIME),
        VERSION,
    ),
    indexes=(
        Index("venues_by_name", "venues", "venue_shard", ("venue_name",), "Which venues are there, by name?"),
        Index("venues_by_city", "venues", "city_key", ("venue_name",), "Which venues are in this city?"),
    ),
)

# events --------------------------------------------------------------------------------------------------------------

EVENTS: Final = Table(
    "events",
    "Events",
    ("event_id",),
    (
        Column("event_id"),
        Column("event_name"),
        Column("description"),
        Column("start_date_time", TIME),
        Column("end_date_time", TIME),
        Column("venue_id", nullable=True, references="venues"),
        Column("organizer_user_id", references="users"),
        Column("categories", JSON),  # ids; also rows of event_category_mapping
        Column("tags", JSON),
        Column("image_url", nullable=True),
        Column("capacity", INTEGER, nullable=True, check="capacity >= 0"),
        Column("capacity_available", POOL),  # starts at capacity, or at POOL_MAX where there is no limit
        Column("devices_available", POOL),  # how many more door devices this event may have
        Column("ticket_types", JSON),  # ids of rows of tickets, in order
        Column("sales_start_date", TIME, nullable=True),
        Column("sales_end_date", TIME, nullable=True),
        Column("status", check=one_of("status", "draft", "published", "postponed", "cancelled")),
        Column("external_links", JSON),
        Column("timezone"),
        Column("currency", check="length(currency) = 3"),
        Column("tickets_per_customer_max", INTEGER, nullable=True, check="tickets_per_customer_max >= 1"),
        Column("public_shard", nullable=True),  # "0" unless draft
        Column("created_date_time", TIME),
        Column("last_updated_date_time", TIME),
        VERSION,
        Column("transfers_allowed", BOOLEAN, nullable=True),  # null: as if true
        Column("cancellation_hours", INTEGER, nullable=True, check="cancellation_hours >= 0"),
        Column("cancellation_fee_bp", INTEGER, nullable=True, check="cancellation_fee_bp between 0 and 9999"),
        Column("spread_sale", BOOLEAN, nullable=True),  # whether places are sold from blocks; null: as if false
        Column("blocks_left", POOL, default=BLOCKS_PER_POOL_MAX),  # how many more blocks its capacity may be in
    ),
    indexes=(
        Index("events_public", "events", "public_shard", ("start_date_time",), "What takes place, by date?"),
        Index(
            "events_by_organizer",
            "events",
            "organizer_user_id",
            ("start_date_time",),
            "What does this organizer offer?",
        ),
        Index("events_by_venue", "events", "venue_id", ("start_date_time",), "What takes place at this venue?"),
    ),
)

EVENT_CATEGORIES: Final = Table(
    "event_categories",
    "EventCategories",
    ("category_id",),
    (
        Column("category_id"),
        Column("category_name"),
        Column("category_shard"),  # "0"
        Column("use_count", POOL),  # how many events have it; it can be deleted at 0 only
        Column("created_date_time", TIME),
        VERSION,
    ),
    indexes=(
        Index(
            "categories_by_name",
            "event_categories",
            "category_shard",
            ("category_name",),
            "Which categories are there?",
        ),
    ),
)

EVENT_CATEGORY_MAPPING: Final = Table(
    "event_category_mapping",
    "EventCategoryMapping",
    ("event_id", "category_id"),
    (
        Column("event_id", references="events"),
        Column("category_id", references="event_categories"),
        Column("live_category", nullable=True),  # the category's id while the event is public
        Column("start_date_time", TIME),  # a copy of the event's
        VERSION,
    ),
    indexes=(
        Index(
            "mapping_by_category",
            "event_category_mapping",
            "category_id",
            ("event_id",),
            "Which events have this category?",
        ),
        Index(
            "mapping_live",
            "event_category_mapping",
            "live_category",
            ("start_date_time",),
            "What is on in this category?",
        ),
    ),
    sql_only=("event_category_mapping_id text generated always as (event_id || '.' || category_id) virtual",),
)

LISTINGS: Final = Table(
    "listings",
    "Listings",
    ("event_id",),
    (
        Column("event_id", references="events"),
        Column("event_name"),
        Column("words"),  # every other text that a search may find the event by: tags, categories, place, description
        Column("facets", JSON),  # tokens of `events/listing.py:facet`, one for each filter that finds the event
        Column("start_date_time", TIME),
        Column("end_date_time", TIME),
        VERSION,
    ),
)
"""One row for each public event, written in the commit that publishes or changes it; a `SearchIndex` is made from it."""

TICKETS: Final = Table(
    "tickets",
    "Tickets",
    ("ticket_id",),
    (
        Column("ticket_id"),
        Column("event_id", references="events"),
        Column("ticket_type"),
        Column("description"),
        Column("price", INTEGER, check="price >= 0"),  # minor units of the event's currency
        Column("quantity", INTEGER, check="quantity >= 0"),
        Column("quantity_available", POOL),
        Column("sale_start_date_time", TIME, nullable=True),
        Column("sale_end_date_time", TIME, nullable=True),
        Column("per_order_max", INTEGER, nullable=True, check="per_order_max >= 1"),
        Column("paused", BOOLEAN),
        Column("created_date_time", TIME),
        VERSION,
        Column("blocks_left", POOL, default=BLOCKS_PER_POOL_MAX),  # how many more blocks its places may be in
    ),
    indexes=(Index("tickets_by_event", "tickets", "event_id", ("created_date_time",), "What does this event sell?"),),
)

BLOCKS: Final = Table(
    "blocks",
    "Blocks",
    ("block_id",),
    (
        Column("block_id"),  # "<id of event or ticket type>.<its version>.<number>", as `events/blocks.py` makes it
        Column("origin_id"),  # the event or the ticket type out of whose pool the places are
        Column("places", POOL),
        VERSION,  # 1 while it is sold from, 2 once it is closed
    ),
    sorted_keys=False,
)
"""Places of a pool that were taken out of it, so that many may sell at once (docs/decisions/0018)."""

# payments ------------------------------------------------------------------------------------------------------------

PAYMENTS: Final = Table(
    "payments",
    "Payments",
    ("payment_id",),
    (
        Column("payment_id"),
        Column("order_id", references="orders"),
        Column("payment_date_time", TIME),
        Column("payment_amount", INTEGER, check="payment_amount >= 0"),
        Column("currency", check="length(currency) = 3"),
        Column("payment_method", check=one_of("payment_method", "card", "bank_transfer", "cash", "test")),
        Column("transaction_id", nullable=True),
        Column("payment_status", check=one_of("payment_status", "pending", "completed", "declined", "cancelled")),
        Column("completed_date_time", TIME, nullable=True),
        VERSION,
    ),
    indexes=(
        Index("payments_by_order", "payments", "order_id", ("payment_date_time",), "What was paid for this order?"),
    ),
)

REFUNDS: Final = Table(
    "refunds",
    "Refunds",
    ("refund_id",),
    (
        Column("refund_id"),
        Column("order_id", references="orders"),
        Column("payment_id", references="payments"),
        Column("refund_date_time", TIME),
        Column("refund_amount", INTEGER, check="refund_amount > 0"),
        Column("currency", check="length(currency) = 3"),
        Column("reason"),
        Column("admissions", JSON),  # ids of those that it made void
        Column("refund_status", check=one_of("refund_status", "due", "completed")),
        VERSION,
    ),
    indexes=(
        Index("refunds_by_order", "refunds", "order_id", ("refund_date_time",), "What went back for this order?"),
    ),
)

# admission -----------------------------------------------------------------------------------------------------------

ADMISSIONS: Final = Table(
    "admissions",
    "Admissions",
    ("admission_id",),
    (
        Column("admission_id"),
        Column("event_id", references="events"),
        Column("order_id", references="orders"),
        Column("ticket_id", references="tickets"),
        Column("user_id", references="users"),
        Column("attendee_email"),
        Column("attendee_first_name"),
        Column("attendee_last_name"),
        Column("status", check=one_of("status", "valid", "used", "void")),
        Column("holds_place", BOOLEAN),  # false once its place went back to the sale, which a used one's never does
        Column("generation", INTEGER, check="generation between 1 and 65535"),
        Column("entered_at", TIME, nullable=True),  # the first entry that stands; null again after an exit
        Column("entered_gate", nullable=True),
        Column("human_code"),
        Column("created_date_time", TIME),
        VERSION,
        Column("transfer_id", nullable=True),  # the transfer by which its holder has it; null: by the order
        Column("offer_id", nullable=True),  # the transfer that was offered last, unless that was accepted or withdrawn
    ),
    indexes=(
        Index("admissions_by_ticket", "admissions", "ticket_id", (), "Was this type issued?", asked=False),
        Index("admissions_by_order", "admissions", "order_id", (), "Which admissions did this order bring?"),
        Index("admissions_by_event", "admissions", "event_id", (), "Who attends this event?"),
        Index("admissions_by_user", "admissions", "user_id", ("event_id",), "Which events does this user attend?"),
        Index(
            "admissions_by_human_code", "admissions", "human_code", (), "Whose is the code that was typed at the door?"
        ),
    ),
)

TRANSFERS: Final = Table(
    "transfers",
    "Transfers",
    ("transfer_id",),
    (
        Column("transfer_id"),
        Column("admission_id", references="admissions"),
        Column("event_id"),  # of the admission, which refers to it
        Column("email"),  # of the person it is offered to, as the names
        Column("first_name"),
        Column("last_name"),
        Column("status", check=one_of("status", "offered", "accepted", "withdrawn")),
        Column("created_date_time", TIME),
        Column("expires_at", TIME),
        Column("ended_date_time", TIME, nullable=True),  # when it was accepted or withdrawn
        VERSION,
    ),
    indexes=(
        Index(
            "transfers_by_admission",
            "transfers",
            "admission_id",
            ("created_date_time",),
            "Through whose hands did this admission go?",
        ),
    ),
)

CHECK_INS: Final = Table(
    "check_ins",
    "CheckIns",
    ("event_id", "scan_id"),
    (
        Column("event_id", references="events"),
        Column("scan_id"),
        Column("fingerprint"),  # of what was asked, so that a scan id is not used for another scan
        Column("admission_id", nullable=True, references="admissions"),
        Column("direction", check=one_of("direction", "entry", "exit")),
        Column("result"),  # "admitted", "left", or the refusal's code
        Column("answer", JSON),  # what was answered, to be answered again
        Column("gate", nullable=True),
        Column("scanned_by"),  # a user's or a device's id
        Column("scanned_at", TIME),
        Column("created_date_time", TIME),
    ),
    indexes=(
        Index("check_ins_by_event", "check_ins", "event_id", ("created_date_time",), "Who came and went, in order?"),
        Index(
            "check_ins_by_admission", "check_ins", "admission_id", ("created_date_time",), "When was this one scanned?"
        ),
    ),
    sorted_keys=False,
)

# sales ---------------------------------------------------------------------------------------------------------------

ORDERS: Final = Table(
    "orders",
    "Orders",
    ("order_id",),
    (
        Column("order_id"),
        Column("event_id", references="events"),
        Column("user_id", references="users"),
        Column("account_user_id", nullable=True),  # the user's id where that user has a login; null for guests
        Column("order_date_time", TIME),
        Column("total_amount", INTEGER, check="total_amount >= 0"),
        Column("currency", check="length(currency) = 3"),
        Column(
            "payment_status",
            check=one_of(
                "payment_status", "pending", "completed", "expired", "cancelled", "partially_refunded", "refunded"
            ),
        ),
        Column("expires_at", TIME),
        Column("extensions", INTEGER),
        Column("amount_paid", INTEGER, check="amount_paid >= 0"),
        Column("amount_refunded", INTEGER, check="amount_refunded between 0 and amount_paid"),
        Column("customer_email"),
        Column("customer_first_name"),
        Column("customer_last_name"),
        Column("payments", JSON),  # ids of rows of payments, oldest first
        Column("refunds", JSON),  # ids of rows of refunds, oldest first
        Column("hold_shard", nullable=True),  # "0" to "3" while pending, so that expiry finds it; null afterwards
        VERSION,
        Column("language", nullable=True),  # in which mails about it are written; null: English
    ),
    indexes=(
        Index("orders_by_account", "orders", "account_user_id", (), "What did this user order?"),
        Index("orders_by_event", "orders", "event_id", (), "What was ordered for this event?", spread=16),
        Index("orders_on_hold", "orders", "hold_shard", ("expires_at",), "Which holds ran out?", spread=4),
    ),
)
HOLD_SHARDS: Final = ("0", "1", "2", "3")

ORDER_DETAILS: Final = Table(
    "order_details",
    "OrderDetails",
    ("order_id", "ticket_id"),
    (
        Column("order_id", references="orders"),
        Column("ticket_id", references="tickets"),
        Column("quantity", INTEGER, check="quantity >= 1"),
        Column("unit_amount", INTEGER, check="unit_amount >= 0"),
        Column("subtotal_amount", INTEGER, check="subtotal_amount = quantity * unit_amount"),
        Column("position", INTEGER),  # 0, 1, … as ordered
    ),
    indexes=(
        Index("order_details_by_order", "order_details", "order_id", (), "What is in this order?", lags=False),
        Index("order_details_by_ticket", "order_details", "ticket_id", (), "Was this type ordered?", asked=False),
    ),
    sql_only=("order_detail_id text generated always as (order_id || '.' || ticket_id) virtual",),
)

ALLOWANCES: Final = Table(
    "allowances",
    "Allowances",
    ("event_id", "customer"),
    (
        Column("event_id", references="events"),
        Column("customer"),  # the customer's user id
        Column("balance", POOL),  # minus the tickets that this customer has at this event, held or bought
    ),
    sorted_keys=False,
)

# of every slice ------------------------------------------------------------------------------------------------------

IDEMPOTENCY: Final = Table(
    "idempotency",
    "Idempotency",
    ("idempotency_key",),
    (
        Column("idempotency_key"),  # who asked, and the key as given: hashed together
        Column("fingerprint"),  # of method, path and body
        Column("status", INTEGER),
        Column("answer"),  # the sealed body of the first answer
        Column("expires_at", TIME),
    ),
    sorted_keys=False,
)

FACTS: Final = Table(
    "facts",
    "Facts",
    ("fact_id",),
    (
        Column("fact_id"),
        Column("kind"),  # "order.completed"
        Column("organizer_user_id", references="users"),
        Column("event_id", nullable=True, references="events"),
        Column("subject_id"),
        Column("content", JSON),
        Column("created_date_time", TIME),
    ),
    indexes=(
        Index("facts_by_organizer", "facts", "organizer_user_id", (), "What happened since, for this organizer?"),
        Index("facts_by_event", "facts", "event_id", (), "What happened at this event?"),
    ),
)

UNTOLD: Final = Table(
    "untold",
    "Untold",
    ("untold_shard", "fact_id"),
    (
        Column("untold_shard"),  # "0" to "3"
        Column("fact_id", references="facts"),
        Column("told_up_to", nullable=True),  # where a fact that concerns many goes on: a cursor
        VERSION,
    ),
    indexes=(Index("untold_facts", "untold", "untold_shard", (), "What is still to be told?", lags=False),),
)
"""One row for each fact that `notify` has not turned into deliveries yet, stored in the fact's commit, removed in theirs."""
UNTOLD_SHARDS: Final = ("0", "1", "2", "3")

# notify --------------------------------------------------------------------------------------------------------------

DELIVERIES: Final = Table(
    "deliveries",
    "Deliveries",
    ("delivery_id",),
    (
        Column("delivery_id"),  # made of fact, kind and recipient, so that there is one of each
        Column("fact_id"),
        Column("kind"),  # "order_confirmed"
        Column("recipient"),  # an e-mail address
        Column("language"),
        Column("event_id", nullable=True, references="events"),
        Column("order_id", nullable=True, references="orders"),
        Column("subject_id"),  # what it is about beside order and event: a payment, a refund, a link
        Column("delivery_status", check=one_of("delivery_status", "queued", "sent", "failed", "dead")),
        Column("attempts", INTEGER, check="attempts >= 0"),
        Column("due_shard", nullable=True),  # "0" to "3" while queued
        Column("next_attempt_at", TIME),  # while queued: not before; a process that is at it has it until then
        Column("last_error", nullable=True),  # a code, nothing personal
        Column("created_date_time", TIME),
        Column("sent_date_time", TIME, nullable=True),
        Column("expires_at", TIME),
        VERSION,
    ),
    indexes=(
        Index("deliveries_due", "deliveries", "due_shard", ("next_attempt_at",), "What is to be sent now?"),
        Index("deliveries_by_event", "deliveries", "event_id", ("created_date_time",), "What was sent of this event?"),
        Index("deliveries_by_order", "deliveries", "order_id", ("created_date_time",), "What was sent of this order?"),
    ),
    sorted_keys=False,
)
DUE_SHARDS: Final = ("0", "1", "2", "3")

LEASES: Final = Table(
    "leases",
    "Leases",
    ("name",),
    (Column("name"), Column("holder"), Column("expires_at", TIME)),
    sorted_keys=False,
)

LIMITS: Final = Table(
    "limits",
    "Limits",
    ("name",),
    (
        Column("name"),  # the kind of limit and whom it counts, hashed together with a key of the house
        Column("full_at", INTEGER),  # when the bucket will be full again, in microseconds since 1970
        Column("expires_at", TIME),  # after that; the row says no more than none would
        VERSION,
    ),
    sorted_keys=False,
)
"""Buckets of rate limits that several processes keep together (`web/shared_limits.py`)."""

TABLES: Final = (
    USERS,
    UNIQUES,
    SESSIONS,
    LINKS,
    API_KEYS,
    VENUES,
    EVENTS,
    DEVICES,
    EVENT_CATEGORIES,
    EVENT_CATEGORY_MAPPING,
    LISTINGS,
    TICKETS,
    BLOCKS,
    ORDERS,
    ORDER_DETAILS,
    PAYMENTS,
    REFUNDS,
    ALLOWANCES,
    ADMISSIONS,
    TRANSFERS,
    CHECK_INS,
    IDEMPOTENCY,
    FACTS,
    UNTOLD,
    DELIVERIES,
    LEASES,
    LIMITS,
)
"""In an order in which each table stands after those that it references."""


def index(name: str) -> Index:
    """The index of this name."""
    return next(index for table in TABLES for index in table.indexes if index.name == name)
