"""Frames: what goes in comes out, and no damage goes unseen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossdock.log.file import frame
from crossdock.log.file.frame import Decoder, Encoder

MARK = 0x51C0FFEE
records_of_any_kind = st.lists(
    st.one_of(st.binary(max_size=300), st.binary(max_size=20).map(lambda b: b * 90)),
    min_size=1,
    max_size=20,
)


def encoded(records: list[bytes], *, zstd: bool = False, base: int = 7, mark: int = MARK) -> bytes:
    return b"".join(Encoder(zstd=zstd).encode(mark, base, 1_790_000_000_000, records))


@given(records_of_any_kind, st.booleans(), st.integers(0, 1 << 62))
def test_a_frame_gives_back_its_records(records: list[bytes], zstd: bool, base: int) -> None:
    data = encoded(records, zstd=zstd, base=base)
    head = frame.read_head(data, 0, MARK)
    assert head is not None
    assert head.frame_bytes == len(data)
    assert (head.base_offset, head.next_offset) == (base, base + len(records))
    assert frame.is_whole(data, 0, head)
    assert [bytes(record) for record in Decoder().records(data, 0, head)] == records


@given(records_of_any_kind, st.booleans(), st.data())
def test_any_changed_byte_is_seen(records: list[bytes], zstd: bool, data: st.DataObject) -> None:
    whole = bytearray(encoded(records, zstd=zstd))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    head = frame.read_head(whole, 0, MARK)
    assert head is None or not frame.is_whole(whole, 0, head)


@given(records_of_any_kind, st.booleans(), st.data())
def test_a_frame_cut_short_is_not_whole(
    records: list[bytes], zstd: bool, data: st.DataObject
) -> None:
    whole = encoded(records, zstd=zstd)
    part = whole[: data.draw(st.integers(0, len(whole) - 1))]
    head = frame.read_head(part, 0, MARK)
    assert head is None or not frame.is_whole(part, 0, head)


@given(st.binary(max_size=2000))
def test_garbage_is_no_frame(garbage: bytes) -> None:
    head = frame.read_head(garbage, 0, MARK)
    assert head is None or not frame.is_whole(garbage, 0, head)


def test_a_frame_of_another_segment_is_none() -> None:
    other = encoded([b"x"], mark=MARK + 1)
    assert frame.read_head(other, 0, MARK) is None
    relabelled = MARK.to_bytes(4, "little") + other[4:]
    head = frame.read_head(relabelled, 0, MARK)
    assert head is not None  # the head alone cannot tell, the checksum does
    assert not frame.is_whole(relabelled, 0, head)


def test_a_large_body_is_written_in_parts_and_reads_the_same() -> None:
    records = [bytes([n]) * 100_000 for n in range(5)]
    parts = Encoder(zstd=False).encode(MARK, 0, 1, records)
    assert len(parts) == 2 + len(records)
    data = b"".join(parts)
    head = frame.read_head(data, 0, MARK)
    assert head is not None
    assert frame.is_whole(data, 0, head)
    assert [bytes(record) for record in Decoder().records(data, 0, head)] == records


def test_what_does_not_shrink_is_stored_as_it_is() -> None:
    import os

    head = frame.read_head(encoded([os.urandom(2000)], zstd=True), 0, MARK)
    assert head is not None
    assert not head.flags & frame.ZSTD
    head = frame.read_head(encoded([b"a" * 2000], zstd=True), 0, MARK)
    assert head is not None
    assert head.flags & frame.ZSTD
    assert head.stored_bytes < 100


def test_more_than_a_frame_holds_is_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        Encoder(zstd=False).encode(MARK, 0, 1, [b""] * (frame.RECORDS_MAX + 1))
