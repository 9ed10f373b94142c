"""What came after version 0.1: tickets change hands, buyers cancel by an event's policy, mails are sent."""

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
      event_id text not null,
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
    "alter table users add column email_proven_at text",
    "alter table orders add column language text",
    """
    create table links (
      link_id text not null,
      user_id text not null references users (user_id),
      purpose text not null check (purpose in ('login', 'reset', 'verify')),
      nonce text not null,
      email text not null,
      login_generation integer not null,
      language text not null,
      used integer not null check (used in (0, 1)),
      created_date_time text not null,
      expires_at text not null,
      version integer not null check (version >= 1),
      primary key (link_id)
    ) strict
    """,
    """
    create table untold (
      untold_shard text not null,
      fact_id text not null references facts (fact_id),
      told_up_to text,
      version integer not null check (version >= 1),
      primary key (untold_shard, fact_id)
    ) strict, without rowid
    """,
    """
    create table deliveries (
      delivery_id text not null,
      fact_id text not null,
      kind text not null,
      recipient text not null,
      language text not null,
      event_id text references events (event_id),
      order_id text references orders (order_id),
      subject_id text not null,
      delivery_status text not null check (delivery_status in ('queued', 'sent', 'failed', 'dead')),
      attempts integer not null check (attempts >= 0),
      due_shard text,
      next_attempt_at text not null,
      last_error text,
      created_date_time text not null,
      sent_date_time text,
      expires_at text not null,
      version integer not null check (version >= 1),
      primary key (delivery_id)
    ) strict
    """,
    "create index deliveries_due on deliveries (due_shard, next_attempt_at, delivery_id) where due_shard is not null",
    "create index deliveries_by_event on deliveries (event_id, created_date_time, delivery_id) where event_id is not null",
    "create index deliveries_by_order on deliveries (order_id, created_date_time, delivery_id) where order_id is not null",
    """
    create table limits (
      name text not null,
      full_at integer not null,
      expires_at text not null,
      version integer not null check (version >= 1),
      primary key (name)
    ) strict
    """,
)


def upgrade() -> None:
    """Adds tables and columns, as the declarations of `schema/tables.py` have them since."""
    for statement in STATEMENTS:
        op.execute(statement.replace(":", r"\:"))
