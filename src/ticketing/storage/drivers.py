"""Drivers that are not installed with Ticket: how they are."""

from importlib.metadata import PackageNotFoundError, requires


def install_command(extra: str, driver: str) -> str:
    """The command that installs what an extra of the package adds, by its own name.

    Not `pip install 'ticketing[extra]'`: in the public index that name is somebody else's.
    """
    try:
        required = requires("ticketing") or []
    except PackageNotFoundError:
        required = []
    of_extra = [line.partition(";")[0].strip() for line in required if f"extra == '{extra}'" in line]
    return "python3 -m pip install " + " ".join(f"'{line}'" for line in of_extra or [driver])
