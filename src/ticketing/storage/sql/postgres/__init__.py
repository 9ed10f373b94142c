"""The PostgreSQL store: its engine, its migrations and its search."""
