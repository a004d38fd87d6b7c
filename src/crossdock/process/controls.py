"""Schema controls as a check of process: events that are blocked everywhere, traits that are left
out. What is switched off for one destination alone is judged where it is delivered."""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from crossdock.base.snapshot import BlockView, SourceView

EVENT_SETTING: Final = ("blocked", "event_setting")
_WITH_TRAITS: Final = ("identify", "group")


class _Compiled(NamedTuple):
    """`blocks` is what it was made of: the very tuple of a snapshot."""

    blocks: tuple[BlockView, ...]
    stopped: frozenset[tuple[str, str]]
    omitted: dict[str, frozenset[str]]


class SchemaControls:
    """Compiles the controls of a source once for each snapshot."""

    def __init__(self) -> None:
        self._sources: dict[str, _Compiled] = {}

    def __call__(self, source: SourceView, event: dict[str, Any]) -> tuple[str, str] | None:
        """The verdict on a canonical event. From one that passes the omitted traits are taken."""
        if not source.blocks:
            return None
        controls = self._sources.get(source.id)
        if controls is None or controls.blocks is not source.blocks:
            controls = self._sources[source.id] = _compiled(source.blocks)
        kind = event["type"]
        if (kind, event["event"] if kind == "track" else "") in controls.stopped:
            return EVENT_SETTING
        names = controls.omitted.get(kind)
        if names:
            gone = _omit(event, kind, names)
            if gone:
                _note(event, source.id, gone)
        return None


def _compiled(blocks: tuple[BlockView, ...]) -> _Compiled:
    everywhere = [block for block in blocks if not block.destination]
    return _Compiled(
        blocks,
        frozenset((b.kind, b.name) for b in everywhere if b.kind not in _WITH_TRAITS),
        {kind: frozenset(_names(everywhere, kind)) for kind in _WITH_TRAITS},
    )


def _names(blocks: Iterable[BlockView], kind: str) -> Iterable[str]:
    return (block.name for block in blocks if block.kind == kind)


def _omit(event: dict[str, Any], kind: str, names: frozenset[str]) -> list[str]:
    """Also from `context.traits` of an identify, where the same traits may stand once more."""
    holders = [event.get("traits")]
    if kind == "identify":
        holders.append(event.get("context", {}).get("traits"))
    gone: dict[str, None] = {}
    for traits in holders:
        if type(traits) is dict:
            for name in [name for name in traits if name in names]:
                del traits[name]
                gone[name] = None
    return list(gone)


def _note(event: dict[str, Any], source: str, gone: list[str]) -> None:
    """In `context.protocols`, as Segment does: names, never values. Other members that the sender
    put there (the version of an event) stay."""
    context = event.setdefault("context", {})
    said = context.get("protocols")
    protocols = dict(said) if type(said) is dict else {}
    context["protocols"] = protocols | {"sourceId": source, "omitted": gone}
