"""What came after version 0.1: tickets change hands, and buyers cancel by an event's policy."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

STATEMENTS = (
    "alter table events add column transfers_allowed integer check (transfers_allowed in (0, 1))",
    "alter table events add column cancellation_hours integer check (cancellation_hours >= 0)",
    "alter table events add column cancellation_fee_bp integer check (cancellation_fee_bp between 0 and 9999)",
    "alter table admissions add column transfer_id text",
    "alter table admissions add column offer_id text",
    """
    create table transfers (
      transfer_id text not null,
      admission_id text not null references admissions (admission_id),
      event_id text not null references events (event_id),
      email text not null,
      first_name text not null,
      last_name text not null,
      status text not null check (status in ('offered', 'accepted', 'withdrawn')),
      created_date_time text not null,
      expires_at text not null,
      ended_date_time text,
      version integer not null check (version >= 1),
      primary key (transfer_id)
    ) strict, without rowid
    """,
    "create index transfers_by_admission on transfers (admission_id, created_date_time, transfer_id)",
)


def upgrade() -> None:
    """Adds tables and columns, as the declarations of `schema/tables.py` have them since."""
    for statement in STATEMENTS:
        op.execute(statement.replace(":", r"\:"))
