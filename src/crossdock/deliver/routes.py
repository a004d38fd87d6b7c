"""Whether a destination gets an event, and what of it: compiled once for each snapshot.

The order of the checks is Segment's: type of call, sent by the device itself, integrations, schema
controls, filters, triggers. Only the last three look into the event.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from crossdock.base.errors import Misconfigured
from crossdock.base.filters import FilterAction, FilterRule, compile_filters
from crossdock.base.secrets import SecretBox
from crossdock.base.snapshot import DestinationView, FilterView
from crossdock.catalog.cards import Card, destination_card, destination_cards, native_cards
from crossdock.catalog.contract import Destination, Limits, Skip, load_destination, skip_of
from crossdock.deliver.chunks import Item
from crossdock.deliver.payloads import payload_of
from crossdock.deliver.triggers import Triggers

DISABLED: Final = "destination_disabled"
DELETED: Final = "destination_deleted"
UNSUPPORTED: Final = "UNSUPPORTED_EVENT_TYPE"
SENT_BY_DEVICE: Final = "MESSAGE_SENT_CLIENT_SIDE"
EXCLUDED: Final = "FILTERED_BY_INTEGRATIONS_OBJECT"
BLOCKED: Final = "event_setting"
DROPPED: Final = "FILTERED_BY_RULES"
UNMATCHED: Final = "NO_MATCHING_MAPPING"

RESERVED_NAMES = frozenset({"All", "Segment.io", "Warehouses"})
"""Keys of an integrations object that name no destination."""


class _Choices(msgspec.Struct, frozen=True):
    """The two members of an event that say where it goes; the rest is skipped."""

    integrations: dict[str, Any] = {}
    metadata: dict[str, Any] = msgspec.field(default_factory=dict, name="_metadata")


_decode_choices = msgspec.json.Decoder(_Choices).decode
_encode = msgspec.json.Encoder().encode


class Route:
    """One destination as a snapshot has it: its filter, its settings with secrets opened."""

    def __init__(self, view: DestinationView, version: int, secrets: SecretBox) -> None:
        self.view = view
        self.version = version
        self.trouble = ""
        """Why nothing can be sent now (a wrong key, a type this version lacks): it waits."""
        self.settings: dict[str, Any] = {}
        self.limits = Limits()
        self._destination: Destination | None = None
        self._skip: Skip | None = None
        card: Card | None = destination_card(view.type)
        self.names = {view.name, *(card.former_names if card else ())}
        self._calls = frozenset(card.calls if card else ())
        self._everything = DELETED if view.deleted else "" if view.enabled else DISABLED
        self.filters = compile_filters(_rule(found) for found in view.filters if found.enabled)
        self.triggers = Triggers(view.mappings)
        self._blocked = frozenset((block.kind, block.name) for block in view.blocks)
        self.is_acting = card is not None and view.type not in native_cards()
        try:
            self.settings = secrets.open_all(view.settings)
            if self.is_acting:
                self.limits = self.triggers.limits()
            else:
                self._destination = load_destination(view.type)
                self._skip = skip_of(self._destination)
                self.limits = self._destination.limits(self.settings)
        except Misconfigured as error:
            self.trouble = str(error)

    @property
    def destination(self) -> Destination:
        if self._destination is None:
            raise Misconfigured(self.trouble)
        return self._destination

    @property
    def waits(self) -> bool:
        """The cursor stands still: paused, or not understood."""
        return not self._everything and (self.view.paused or bool(self.trouble))

    def decide(self, item: Item) -> str:
        """ "" where the event is to be sent, else the reason it is filtered."""
        if self._everything:
            return self._everything
        head = item.head
        if head.type not in self._calls and not self.trouble:
            return UNSUPPORTED
        integrations: Mapping[str, Any] = {}
        if head.has_integrations or head.has_bundled:
            choices = _decode_choices(item.body)
            bundled = choices.metadata.get("bundled")
            if isinstance(bundled, list) and any(name in self.names for name in bundled if name):
                return SENT_BY_DEVICE
            integrations = choices.integrations
            if not is_included(integrations, self.names):
                return EXCLUDED
        if self._blocked and self._is_blocked(item) and not self.names & integrations.keys():
            return BLOCKED  # an event that names the destination itself wins over the schema
        return self._look_into(item)

    def _look_into(self, item: Item) -> str:
        """Filters, then triggers or what the destination itself says: they see what is left."""
        if self.filters.empty and not self.is_acting and self._skip is None:
            return ""
        event = self.filters.apply(item.event()).event
        if event is None:
            return DROPPED
        if self.is_acting and not self.triggers.matching(event):
            return UNMATCHED
        return "" if self._skip is None else self._skip(self.settings, event)

    def _is_blocked(self, item: Item) -> bool:
        head = item.head
        return (head.type, head.name if head.type == "track" else "") in self._blocked

    def left_of(self, item: Item) -> dict[str, Any]:
        """What the filters leave of an event that they let pass."""
        event = item.event()
        return self.filters.apply(event).event or event

    def payload(self, item: Item) -> bytes:
        """What is sent of an event: what the filters left, without null members."""
        if self.filters.empty:
            return payload_of(item.body)
        left = self.left_of(item)
        return payload_of(item.body if left is item.event() else _encode(left))


def _rule(found: FilterView) -> FilterRule:
    return FilterRule(
        condition=found.condition,
        actions=[msgspec.convert(action, FilterAction) for action in found.actions],
    )


def is_included(integrations: Mapping[str, Any], names: set[str]) -> bool:
    """`false` excludes; `true` or an object of options includes; else `All` decides.

    A destination that is listed under several of its names is excluded by any `false`.
    """
    listed = [integrations[n] for n in names if integrations.get(n) is not None]
    if listed:
        return all(value is not False for value in listed)
    return integrations.get("All") is not False


def unknown_names(integrations: Mapping[str, Any]) -> list[str]:
    """Names that no card knows: UNKNOWN_INTEGRATION, information for people, no outcome."""
    known = set(RESERVED_NAMES)
    for card in destination_cards().values():
        known |= {card.name, *card.former_names}
    return sorted(name for name in integrations if name not in known)
