"""How a messageId is remembered: 64 bits for the id in its workspace, 64 for where it stood."""

from typing import Final

import xxhash

HOUR_MS: Final = 3_600_000
HOUR_BITS: Final = 16
SUB_BITS: Final = 12
_HOUR_MASK: Final = (1 << HOUR_BITS) - 1
_SUB_MASK: Final = (1 << SUB_BITS) - 1
_OFFSET_MASK: Final = (1 << (64 - HOUR_BITS - SUB_BITS)) - 1


def fingerprint(workspace: str, message_id: str) -> int:
    """Never 0, which means an empty slot. Two of 100 million ids are mistaken for each other with
    a chance of 5e-12 for each event."""
    return xxhash.xxh3_64_intdigest(f"{workspace}\0{message_id}".encode()) or 1


def place_of(inbox_offset: int, inbox_sub: int, received_ms: int) -> int:
    """Position and hour in one number: offset 36 bits, sub-index 12, hour 16.

    Places are only compared for being equal, so offsets that exceed 36 bits lose nothing but the
    difference between positions 68 billion records apart.
    """
    hour = (received_ms // HOUR_MS) & _HOUR_MASK
    place = (inbox_offset & _OFFSET_MASK) << (HOUR_BITS + SUB_BITS)
    return place | (inbox_sub & _SUB_MASK) << HOUR_BITS | hour
