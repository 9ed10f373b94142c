"""Points in time: always aware, in UTC, written in RFC 3339."""

from datetime import UTC, datetime


def written(moment: datetime) -> str:
    """RFC 3339 in UTC with microseconds, of fixed width, so that text order is time order. Raises ValueError without an offset."""
    return _in_utc(moment).isoformat(timespec="microseconds")[:26] + "Z"


def read(text: str) -> datetime:
    """The moment that `written` wrote; also reads any RFC 3339 time with an offset. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time needs its offset from UTC")
    return moment.astimezone(UTC)


def shown(moment: datetime) -> str:
    """RFC 3339 in UTC as the API shows it: whole seconds without a fraction, else microseconds."""
    if moment.microsecond == 0:
        return _in_utc(moment).isoformat(timespec="seconds")[:19] + "Z"
    return written(moment)


def _in_utc(moment: datetime) -> datetime:
    if moment.tzinfo is UTC:
        return moment
    if moment.tzinfo is None:
        raise ValueError("a time needs its offset from UTC")
    return moment.astimezone(UTC)


def milliseconds(moment: datetime) -> int:
    """Unix milliseconds of a moment."""
    return int(moment.timestamp() * 1000)
