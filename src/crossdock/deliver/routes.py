"""Whether a destination gets an event: judged from its head, compiled once for each snapshot.

The order of the checks is Segment's: type of call, sent by the device itself, integrations.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from crossdock.base.errors import Misconfigured
from crossdock.base.secrets import SecretBox
from crossdock.base.snapshot import DestinationView
from crossdock.catalog.cards import Card, destination_cards
from crossdock.catalog.contract import Destination, Limits, load_destination
from crossdock.deliver.chunks import Item

DISABLED: Final = "destination_disabled"
DELETED: Final = "destination_deleted"
UNSUPPORTED: Final = "UNSUPPORTED_EVENT_TYPE"
SENT_BY_DEVICE: Final = "MESSAGE_SENT_CLIENT_SIDE"
EXCLUDED: Final = "FILTERED_BY_INTEGRATIONS_OBJECT"

RESERVED_NAMES = frozenset({"All", "Segment.io", "Warehouses"})
"""Keys of an integrations object that name no destination."""


class _Choices(msgspec.Struct, frozen=True):
    """The two members of an event that say where it goes; the rest is skipped."""

    integrations: dict[str, Any] = {}
    metadata: dict[str, Any] = msgspec.field(default_factory=dict, name="_metadata")


_decode_choices = msgspec.json.Decoder(_Choices).decode


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
        card: Card | None = destination_cards().get(view.type)
        self.names = {view.name, *(card.former_names if card else ())}
        self._calls = frozenset(card.calls if card else ())
        self._everything = DELETED if view.deleted else "" if view.enabled else DISABLED
        try:
            self._destination = load_destination(view.type)
            self.settings = secrets.open_all(view.settings)
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
        if not head.has_integrations and not head.has_bundled:
            return ""
        return self._choose(item)

    def _choose(self, item: Item) -> str:
        choices = _decode_choices(item.body)
        bundled = choices.metadata.get("bundled")
        if isinstance(bundled, list) and any(name in self.names for name in bundled if name):
            return SENT_BY_DEVICE
        return "" if is_included(choices.integrations, self.names) else EXCLUDED


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
