"""Writes the SQL of revision 0001 from the declarations: `python -m tests.support.write_initial_migration`.

Only until version 0.1 is released. After that, what has changed is a revision of its own, and 0001 stays as it is.
"""

from ticketing.storage.sql.migrate import MIGRATIONS, declared_statements

INITIAL = MIGRATIONS / "versions" / "r0001_the_whole_schema.sql"


def initial_sql() -> str:
    """What revision 0001 has to say."""
    return "\n\n".join(f"{statement};" for statement in declared_statements()) + "\n"


if __name__ == "__main__":
    INITIAL.write_text(initial_sql(), encoding="utf-8")
    print(f"wrote {INITIAL.name}")
