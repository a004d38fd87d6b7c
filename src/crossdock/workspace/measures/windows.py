"""The time that a measure is asked for, and its limits: those of Segment's API."""

from typing import Final, Literal, NamedTuple

from crossdock.base.clock import iso_ms
from crossdock.workspace.api.paging import invalid

Granularity = Literal["MINUTE", "HOUR", "DAY"]

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000


class Limits(NamedTuple):
    """`step_ms`: of a bucket. `window_ms_max`: from start to end. `age_ms_max`: of the start."""

    step_ms: int
    window_ms_max: int
    age_ms_max: int


LIMITS: Final[dict[Granularity, Limits]] = {
    "MINUTE": Limits(MINUTE_MS, 4 * HOUR_MS, 48 * HOUR_MS),
    "HOUR": Limits(HOUR_MS, 14 * DAY_MS, 30 * DAY_MS),
    "DAY": Limits(DAY_MS, 30 * DAY_MS, 30 * DAY_MS),
}
GRANULARITIES: Final[tuple[Granularity, ...]] = ("MINUTE", "HOUR", "DAY")


class Window(NamedTuple):
    """Whole minutes from `from_ms` until before `to_ms`, in buckets of `step_ms` that begin at
    whole steps of UTC: the first and the last may be cut."""

    from_ms: int
    to_ms: int
    step_ms: int

    def buckets(self) -> range:
        """Where each begins."""
        return range(self.from_ms - self.from_ms % self.step_ms, self.to_ms, self.step_ms)


def window_of(
    granularity: Granularity, from_ms: int, to_ms: int, *, now_ms: int, kept_d: int
) -> Window:
    """Raises Rejected (422) naming the end that is wrong. `kept_d`: how long counts are kept."""
    limits = LIMITS[granularity]
    if to_ms <= from_ms:
        raise invalid("endTime", f"is {iso_ms_of(to_ms)}: expected a time after startTime")
    if to_ms - from_ms > limits.window_ms_max:
        most = shown_span(limits.window_ms_max)
        raise invalid("endTime", f"is more than {most} after startTime, the most for {granularity}")
    age_ms_max = min(limits.age_ms_max, kept_d * DAY_MS)
    if from_ms < now_ms - age_ms_max:
        kept = " (counts_retention_d)" if age_ms_max < limits.age_ms_max else ""
        oldest = iso_ms_of(now_ms - age_ms_max)
        problem = f"is {iso_ms_of(from_ms)}: expected {oldest} or later for {granularity}{kept}"
        raise invalid("startTime", problem)
    if from_ms > now_ms:
        raise invalid("startTime", f"is {iso_ms_of(from_ms)}: expected a time that has come")
    return Window(from_ms - from_ms % MINUTE_MS, -(-to_ms // MINUTE_MS) * MINUTE_MS, limits.step_ms)


def iso_ms_of(at_ms: int) -> str:
    """As `iso_ms`, for times that a sender chose: years before 1 and after 9999 are not written."""
    try:
        return iso_ms(at_ms)
    except (ValueError, OverflowError, OSError):
        return f"{at_ms} ms"


def shown_span(span_ms: int) -> str:
    hours = span_ms // HOUR_MS
    return f"{hours // 24} days" if hours % 24 == 0 and hours > 48 else f"{hours} hours"
