"""Usage is told by UTC calendar months, each day with the sum of its month so far."""

from datetime import date, timedelta
from typing import Final, NamedTuple

from crossdock.base.clock import iso_ms
from crossdock.state.days import day_of, ms_of
from crossdock.workspace.api.paging import invalid

YEARS: Final = range(1970, 3000)


class Month(NamedTuple):
    """From `first` until before `end`."""

    first: date
    end: date

    @property
    def start_s(self) -> int:
        return ms_of(self.first) // 1000

    @property
    def end_s(self) -> int:
        return ms_of(self.end) // 1000

    def days(self, now_ms: int) -> list[date]:
        """Those that have begun."""
        last = min(self.end - timedelta(days=1), day_of(now_ms))
        return [self.first + timedelta(days=n) for n in range((last - self.first).days + 1)]


def month_of(text: str, *, now_ms: int, kept_d: int) -> Month:
    """Raises Rejected (422) where it is no first day of a month, or one whose usage is forgotten.
    `kept_d`: how long usage is kept."""
    try:
        first = date.fromisoformat(text)
    except ValueError:
        first = None
    if first is None or first.day != 1 or first.year not in YEARS:
        expected = "expected the first day of a month, such as 2026-09-01"
        raise invalid("period", f"is {text[:40]!r}: {expected}")
    oldest = day_of(now_ms) - timedelta(days=kept_d)
    if first < oldest:
        raise invalid("period", f"is {text}: usage is kept from {oldest} on (usage_retention_d)")
    return Month(first, (first + timedelta(days=31)).replace(day=1))


def timestamp_of(day: date) -> str:
    return iso_ms(ms_of(day))
