"""UTC days and the milliseconds they begin with."""

from datetime import UTC, date, datetime, timedelta
from typing import Final

DAY_MS: Final = 86_400_000
_EPOCH: Final = date(1970, 1, 1)


def day_of(at_ms: int) -> date:
    """The UTC day. Raises OverflowError outside of the years 1 to 9999."""
    return _EPOCH + timedelta(days=at_ms // DAY_MS)


def ms_of(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000
