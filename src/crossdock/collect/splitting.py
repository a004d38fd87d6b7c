"""One request, several logs: a batch cut into records by user (and, where each event brings its
own write key, by source) from the sender's raw slices, never re-encoded."""

from collections.abc import Sequence
from typing import Any

import msgspec

from crossdock.base.partition import partition_of, user_key
from crossdock.collect import bodies
from crossdock.collect.keys import KnownSource
from crossdock.collect.limits import BATCH_EVENTS_MAX

Part = tuple[KnownSource, int, list[msgspec.Raw], int]
"""Source, partition, items, and how many of the last items stood beyond the limit."""


def partition_of_event(known: KnownSource, head: bodies.SingleHead | None, partitions: int) -> int:
    if head is None:
        return partition_of(known.workspace, "", partitions)
    user = user_key(_text(head.userId), _text(head.anonymousId))
    return partition_of(known.workspace, user, partitions)


def cut(
    items: Sequence[msgspec.Raw],
    sources: Sequence[KnownSource] | KnownSource,
    partitions: int,
) -> list[Part]:
    """Parts in the order of their first item; order inside a part is the sender's."""
    parts: dict[tuple[str, int], tuple[KnownSource, list[msgspec.Raw]]] = {}
    over: dict[tuple[str, int], int] = {}
    for index, item in enumerate(items):
        known = sources if isinstance(sources, KnownSource) else sources[index]
        head = bodies.read_item(item) if partitions > 1 else None
        partition = partition_of_event(known, head, partitions) if partitions > 1 else 0
        place = (known.source, partition)
        if place not in parts:
            parts[place] = (known, [])
        parts[place][1].append(item)
        if index >= BATCH_EVENTS_MAX:
            over[place] = over.get(place, 0) + 1
    return [
        (known, partition, part, over.get((source, partition), 0))
        for (source, partition), (known, part) in parts.items()
    ]


def joined(members: dict[str, msgspec.Raw], items: Sequence[msgspec.Raw]) -> bytes:
    """A batch body with the request's own members around `items`."""
    pieces: list[bytes] = []
    for name, value in members.items():
        text = b"[" + b",".join(map(bytes, items)) + b"]" if name == "batch" else bytes(value)
        pieces.append(msgspec.json.encode(name) + b":" + text)
    return b"{" + b",".join(pieces) + b"}"


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
