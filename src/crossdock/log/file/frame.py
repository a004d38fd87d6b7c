"""The frame: consecutive records under one checksum, so that they are whole or absent together.

    mark u32 | crc u32 | base_offset u64 | append_ms u64 | count u32 | flags u32 |
    raw_bytes u32 | stored_bytes u32 | body: count x length u32, then the records (zstd or plain)

All little endian. `mark` is a random number of the segment: bytes of another segment, of an older
life of the same blocks, or sent by a client to look like a frame never match. The crc is seeded
with it and covers everything that follows.
"""

import struct
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

import zstandard
from isal import isal_zlib

HEAD = struct.Struct("<IIQQIIII")
HEAD_BYTES = HEAD.size
_COVERED = struct.Struct("<QQIIII")
_COVERED_AT = 8

ZSTD = 1
KNOWN_FLAGS = ZSTD
ZSTD_BYTES_MIN = 512
"""Smaller bodies are stored as they are: nothing to gain."""
RECORDS_MAX = 1 << 20
BODY_BYTES_MAX = 256 << 20
"""A frame claiming more is not one. Reading needs a whole frame in memory."""
JOIN_BYTES_MAX = 256 << 10
"""Bodies below are joined to one buffer; above, copying costs more than many buffers do."""
PARTS_MAX = 500


class Head(NamedTuple):
    """A frame's head as read; `stored_bytes` is the length of the body on disk."""

    mark: int
    crc: int
    base_offset: int
    append_ms: int
    record_count: int
    flags: int
    raw_bytes: int
    stored_bytes: int

    @property
    def next_offset(self) -> int:
        return self.base_offset + self.record_count

    @property
    def frame_bytes(self) -> int:
        return HEAD_BYTES + self.stored_bytes


class Encoder:
    """Makes frames. Not for use by two threads at once."""

    def __init__(self, *, zstd: bool) -> None:
        self._compress = zstandard.ZstdCompressor(level=1).compress if zstd else None

    def encode(
        self, mark: int, base_offset: int, append_ms: int, records: Sequence[bytes]
    ) -> list[bytes]:
        """The frame in one or more parts, to be written one after the other."""
        count = len(records)
        lengths = [len(record) for record in records]
        table = struct.pack(f"<{count}I", *lengths)
        raw_bytes = len(table) + sum(lengths)
        if count > RECORDS_MAX or raw_bytes > BODY_BYTES_MAX:
            raise ValueError(f"{count} records of {raw_bytes} bytes do not fit into one frame")
        flags = 0
        if self._compress is not None and raw_bytes >= ZSTD_BYTES_MIN:
            body = b"".join((table, *records))
            packed = self._compress(body)
            if len(packed) < raw_bytes:
                body, flags = packed, ZSTD
            parts = [body]
        elif raw_bytes <= JOIN_BYTES_MAX or count > PARTS_MAX:
            parts = [b"".join((table, *records))]
        else:
            parts = [table, *records]
        stored_bytes = raw_bytes if not flags else len(parts[0])
        covered = _COVERED.pack(base_offset, append_ms, count, flags, raw_bytes, stored_bytes)
        crc = isal_zlib.crc32(covered, mark)
        for part in parts:
            crc = isal_zlib.crc32(part, crc)
        return [struct.pack("<II", mark, crc) + covered, *parts]


def read_head(data: bytes | memoryview, at: int, mark: int) -> Head | None:
    """The head at `at`, or None where there is none that could be true."""
    if at + HEAD_BYTES > len(data):
        return None
    head = Head._make(HEAD.unpack_from(data, at))
    sane = (
        head.mark == mark
        and 0 < head.record_count <= RECORDS_MAX
        and 4 * head.record_count <= head.raw_bytes <= BODY_BYTES_MAX
        and head.stored_bytes <= head.raw_bytes
        and not head.flags & ~KNOWN_FLAGS
    )
    return head if sane else None


def is_whole(data: bytes | memoryview, at: int, head: Head) -> bool:
    """Whether all of the frame is in `data` and its checksum is right."""
    end = at + head.frame_bytes
    if end > len(data):
        return False
    view = memoryview(data)
    return bool(isal_zlib.crc32(view[at + _COVERED_AT : end], head.mark) == head.crc)


class Decoder:
    """Opens bodies of frames whose checksum was found right."""

    def __init__(self) -> None:
        self._zstd = zstandard.ZstdDecompressor()

    def records(self, data: bytes | memoryview, at: int, head: Head) -> list[memoryview]:
        """Views into `data` (plain) or into one fresh buffer (zstd).

        Raises ValueError where the body contradicts its head.
        """
        body = memoryview(data)[at + HEAD_BYTES : at + head.frame_bytes]
        if head.flags & ZSTD:
            try:
                body = memoryview(self._zstd.decompress(body, max_output_size=head.raw_bytes))
            except zstandard.ZstdError as error:
                raise ValueError(f"zstd: {error}") from error
        start = 4 * head.record_count
        ends = list(accumulate(struct.unpack_from(f"<{head.record_count}I", body), initial=start))
        if ends[-1] != head.raw_bytes or len(body) != head.raw_bytes:
            raise ValueError("the lengths of the records do not add up")
        records = []
        for end in ends[1:]:
            records.append(body[start:end])
            start = end
        return records
