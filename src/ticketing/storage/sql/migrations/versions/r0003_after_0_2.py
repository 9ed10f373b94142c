"""What came after version 0.2: places of a pool may be sold from blocks, and listings say in which band their lowest price is."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

BANDS = [step * 10**digits for digits in range(2, 13) for step in (1, 2, 5)]
"""As `events/listing.py` had them when this was written."""
BAND = " ".join(f"when min(price) <= {band} then {band}" for band in BANDS)
OFFERED = """
  from events join json_each(events.ticket_types) offered join tickets on tickets.ticket_id = offered.value
  where events.event_id = listings.event_id
"""

BANDED = f"""
    update listings set facets = json_insert(facets, '$[#]', 'price_' || (
      select case when min(price) <= 0 then 'free' else lower(currency) || case {BAND} else {BANDS[-1]} end end {OFFERED}
    ))
    where exists (select 1 {OFFERED})
    """

IN_POSTGRES = {
    BANDED: f"""
    update listings set facets = (facets::jsonb || to_jsonb('price_' || priced.band))::json
    from (
      select events.event_id,
        case when min(price) <= 0 then 'free' else lower(currency) || case {BAND} else {BANDS[-1]} end end as band
      from events cross join json_array_elements_text(events.ticket_types) as offered (value)
      join tickets on tickets.ticket_id = offered.value
      group by events.event_id, currency
    ) as priced
    where priced.event_id = listings.event_id and strpos(facets::text, '"price_') = 0
    """
}
"""What PostgreSQL needs in other words."""

STATEMENTS = (
    "alter table events add column spread_sale integer check (spread_sale in (0, 1))",
    "alter table events add column blocks_left integer not null default 64",
    "alter table tickets add column blocks_left integer not null default 64",
    """
    create table blocks (
      block_id text not null,
      origin_id text not null,
      places integer not null,
      version integer not null check (version >= 1),
      primary key (block_id)
    ) strict
    """,
    BANDED,
)


def upgrade() -> None:
    """Adds tables and columns, as the declarations of `schema/tables.py` have them since."""
    for statement in STATEMENTS:
        op.execute(statement.replace(":", r"\:"))
