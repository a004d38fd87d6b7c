"""A destination's mappings as a lane asks them: which of them want an event."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from crossdock.base.fql import FqlError, as_trigger, compile_filter, parse_filter
from crossdock.base.mapping import for_delivery
from crossdock.base.snapshot import MappingView
from crossdock.catalog.contract import Limits

BATCH_EVENTS_MAX: Final = 1_000
BATCH_EVENTS: Final = 1_000
"""Where a mapping batches and does not say how many."""
BATCH_AGE_S: Final = 0.5
CONCURRENCY: Final = 16


class _Trigger(NamedTuple):
    mapping: MappingView
    matches: Callable[[Mapping[str, Any]], bool]


class Triggers:
    """Of the enabled mappings, in their order. A trigger that cannot be understood matches nothing;
    it was checked when it was saved."""

    def __init__(self, mappings: Iterable[MappingView]) -> None:
        self.all = {mapping.id: mapping for mapping in mappings if mapping.enabled}
        self.sent_as = {name: for_delivery(m.mapping) for name, m in self.all.items()}
        """Mapping -> its fields as the runtime takes them."""
        self._triggers = [_Trigger(m, _compiled(m.trigger)) for m in self.all.values()]

    def matching(self, event: Mapping[str, Any]) -> list[MappingView]:
        return [trigger.mapping for trigger in self._triggers if trigger.matches(event)]

    def limits(self) -> Limits:
        """One event at a time, unless a mapping takes batches."""
        sizes = [_batch_size(mapping.mapping) for mapping in self.all.values()]
        batching = max(sizes, default=1)
        return Limits(
            batch_events=batching,
            batch_age_s=BATCH_AGE_S if batching > 1 else 0.0,
            concurrency=CONCURRENCY,
        )


def _compiled(text: str) -> Callable[[Mapping[str, Any]], bool]:
    try:
        return compile_filter(as_trigger(parse_filter(text)))
    except FqlError:
        return lambda _event: False


def _batch_size(mapping: Mapping[str, Any]) -> int:
    if mapping.get("enable_batching") is not True:
        return 1
    size = mapping.get("batch_size")
    wanted = int(size) if isinstance(size, int | float) and size >= 1 else BATCH_EVENTS
    return min(wanted, BATCH_EVENTS_MAX)
