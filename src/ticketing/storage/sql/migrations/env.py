"""How Alembic runs the revisions: it only writes their SQL, and `migrate.py` executes it by apsw.

Alembic never opens a file itself: the SQLite inside many Pythons can corrupt a database in WAL mode.
"""

from alembic import context

if not context.is_offline_mode():
    raise RuntimeError(
        "Revisions are run by `ticket migrate`; Alembic alone only writes SQL (`alembic upgrade --sql`)."
    )

context.configure(dialect_name="sqlite", literal_binds=True, transactional_ddl=False)
with context.begin_transaction():
    context.run_migrations()
