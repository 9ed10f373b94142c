"""One adapter for SQLite (and PostgreSQL), its migrations and its search."""
