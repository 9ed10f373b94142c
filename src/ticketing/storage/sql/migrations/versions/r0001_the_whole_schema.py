"""The whole schema of version 0.1."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates every table, index and trigger, as `r0001_the_whole_schema.sql` says."""
    script = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    op.execute(script.replace(":", r"\:").rstrip().removesuffix(";"))
