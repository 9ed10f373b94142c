"""The statements that write many rows at once: one call for each table of a batch."""

from functools import cache

from ticketing.base.tables import Kind, Table


@cache
def insert_row(table: Table, *, claim: bool) -> str:
    """Inserts a row, and fails where its key is taken; with `claim` it is written over what stands there: who may claim was
    decided before, in the same transaction.
    """
    names = table.column_names
    statement = f"insert into {table.name} ({', '.join(names)}) values ({', '.join('?' * len(names))})"
    if not claim:
        return statement
    changed = ", ".join(f"{name} = excluded.{name}" for name in names if name not in table.key)
    return f"{statement} on conflict ({', '.join(table.key)}) do update set {changed}"


@cache
def replace_rows(table: Table) -> str:
    """Stores rows in place of those with the same keys, but for their pools, each with the next version."""
    names = table.column_names
    settable = [
        f"{name} = r.value ->> {place}" + (" + 1" if name == "version" else "")
        for place, name in enumerate(names)
        if name not in table.key and table.by_name[name].kind is not Kind.POOL
    ]
    found = " and ".join(f"{table.name}.{name} = r.value ->> {names.index(name)}" for name in table.key)
    return f"update {table.name} set {', '.join(settable)} from json_each(?) as r where {found}"


@cache
def move_pools(table: Table, column: str) -> str:
    """Adds to the pools of the keys given: rows of the key's parts and the difference."""
    found = " and ".join(f"{table.name}.{name} = r.value ->> {place}" for place, name in enumerate(table.key))
    difference = f"r.value ->> {len(table.key)}"
    return f"update {table.name} set {column} = {column} + ({difference}) from json_each(?) as r where {found}"


@cache
def remove_rows(table: Table) -> str:
    """Deletes the rows of the keys given."""
    if len(table.key) == 1:
        return f"delete from {table.name} where {table.key[0]} in (select r.value ->> 0 from json_each(?) as r)"
    keys = ", ".join(table.key)
    return f"delete from {table.name} where ({keys}) in (select r.value ->> 0, r.value ->> 1 from json_each(?) as r)"


@cache
def state_columns(table: Table) -> tuple[str, ...]:
    """The columns that conditions look at: the key, version, expiry and pools."""
    watched = [
        column.name for column in table.columns if column.name in ("version", "expires_at") or column.kind is Kind.POOL
    ]
    return (*table.key, *(name for name in watched if name not in table.key))


@cache
def read_states(table: Table) -> str:
    """Reads what conditions look at, for the keys given."""
    columns = ", ".join(f"t.{name}" for name in state_columns(table))
    found = " and ".join(f"t.{name} = r.value ->> {place}" for place, name in enumerate(table.key))
    return f"select {columns} from json_each(?) as r cross join {table.name} as t on {found}"
