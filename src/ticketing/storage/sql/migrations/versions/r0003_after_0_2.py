"""What came after version 0.2: places of a pool may be sold from blocks."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

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
)


def upgrade() -> None:
    """Adds tables and columns, as the declarations of `schema/tables.py` have them since."""
    for statement in STATEMENTS:
        op.execute(statement.replace(":", r"\:"))
