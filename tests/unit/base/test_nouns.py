"""Small things that everything else relies on: clock, ids, records, secrets, files, snapshots."""

import asyncio
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossdock.base.clock import ManualClock, iso_ms
from crossdock.base.errors import Misconfigured
from crossdock.base.files import write_atomically
from crossdock.base.ids import mask, new_id, new_write_key, slug_of
from crossdock.base.partition import partition_of, user_key
from crossdock.base.reasons import REASONS
from crossdock.base.records import (
    EventHead,
    InboxHead,
    Kind,
    SummaryHead,
    kind_of,
    pack,
    unpack_event,
    unpack_inbox,
    unpack_summary,
)
from crossdock.base.secrets import SecretBox, is_sealed, load_or_make_key, new_key
from crossdock.base.snapshot import Snapshot, SourceView, encode_snapshot
from crossdock.base.snapshots import SnapshotFile


@pytest.mark.parametrize(
    ("ms", "text"),
    [(0, "1970-01-01T00:00:00.000Z"), (1_790_000_000_123, "2026-09-21T14:13:20.123Z")],
)
def test_times_have_one_shape(ms: int, text: str) -> None:
    assert iso_ms(ms) == text


def test_a_manual_clock_wakes_sleepers_in_the_order_of_their_times() -> None:
    async def body() -> list[str]:
        clock, woken = ManualClock(), []

        async def sleep(name: str, seconds: float) -> None:
            await clock.sleep(seconds)
            woken.append(name)

        tasks = [asyncio.create_task(sleep(*a)) for a in (("late", 2.0), ("early", 1.0))]
        await asyncio.sleep(0)
        clock.advance(0.5)
        await asyncio.sleep(0)
        assert woken == []
        clock.advance(5)
        await asyncio.gather(*tasks)
        return woken

    assert asyncio.run(body()) == ["early", "late"]


def test_ids_are_new_each_time_and_keys_have_32_letters_and_digits() -> None:
    assert len({new_id("src") for _ in range(100)}) == 100
    assert new_id("src").startswith("src_")
    assert len(new_write_key()) == 32
    assert new_write_key().isalnum()


@given(st.text(max_size=64))
def test_a_mask_shows_at_most_four_characters_and_nothing_of_short_secrets(secret: str) -> None:
    shown = mask(secret)
    assert shown.endswith(f"***({len(secret)})")
    assert len(shown.split("***")[0]) <= (4 if len(secret) >= 16 else 0)


@pytest.mark.parametrize(
    ("name", "taken", "slug"),
    [
        ("Shop (web)", (), "shop-web"),
        ("Shop (web)", ("shop-web", "shop-web-2"), "shop-web-3"),
        ("  ***  ", (), "unnamed"),
        ("Größe", (), "gr-e"),
    ],
)
def test_slugs(name: str, taken: tuple[str, ...], slug: str) -> None:
    assert slug_of(name, taken) == slug


heads = st.builds(
    InboxHead,
    st.text(),
    st.text(),
    st.sampled_from(["", "track"]),
    st.integers(0, 2**62),
    st.text(max_size=45),
    st.integers(0, 2500),
    st.text(max_size=512),
)


@given(heads, st.binary(max_size=2000), st.sampled_from([Kind.SINGLE, Kind.BATCH]))
def test_inbox_records_come_back_as_they_went_in(head: InboxHead, body: bytes, kind: Kind) -> None:
    record = pack(kind, head, body)
    assert kind_of(record) == kind
    assert unpack_inbox(record) == (head, body)


def test_event_and_summary_records_come_back_as_they_went_in() -> None:
    event = EventHead("ws", "src", "track", "Order", "m1", "u", 1, 2, 3, "", True, False)
    assert unpack_event(pack(Kind.EVENT, event, b"{}")) == (event, b"{}")
    summary = SummaryHead(1, 2, 3)
    assert unpack_summary(memoryview(pack(Kind.SUMMARY, summary, b"x"))) == (summary, b"x")


def test_a_record_of_another_version_is_refused() -> None:
    record = bytearray(pack(Kind.SUMMARY, SummaryHead(1, 2, 3), b""))
    record[0] = 9
    with pytest.raises(ValueError, match="record version 9"):
        unpack_summary(bytes(record))


@given(st.text(), st.integers(1, 256))
def test_a_user_has_one_partition(user: str, partitions: int) -> None:
    first = partition_of("ws", user, partitions)
    assert 0 <= first < partitions
    assert partition_of("ws", user, partitions) == first


def test_partitions_never_move_between_versions() -> None:
    """Events of a user would lose their order: these numbers may not change."""
    assert [partition_of("ws_1", f"user-{n}", 8) for n in range(8)] == PARTITIONS


PARTITIONS = [7, 5, 3, 3, 0, 4, 6, 6]


@pytest.mark.parametrize(
    ("user", "anonymous", "key"),
    [("u", "a", "u"), ("", "a", "a"), (None, "a", "a"), (None, None, "")],
)
def test_the_user_comes_before_the_anonymous_id(user, anonymous, key: str) -> None:
    assert user_key(user, anonymous) == key


def test_every_reason_says_what_to_do() -> None:
    for code, reason in REASONS.items():
        assert code == reason.code
        assert reason.text
        assert reason.remedy or code == "delivered"


@given(st.text())
def test_a_sealed_secret_opens_again_and_shows_nothing(secret: str) -> None:
    box = SecretBox(KEY)
    sealed = box.seal(secret)
    assert is_sealed(sealed)
    assert box.open(sealed) == secret
    assert len(secret) < 4 or secret not in str(sealed)


KEY = new_key()


def test_another_key_opens_nothing() -> None:
    with pytest.raises(Misconfigured, match="not the one it was sealed with"):
        SecretBox(new_key()).open(SecretBox(KEY).seal("x"))


def test_a_key_of_the_wrong_shape_is_refused() -> None:
    with pytest.raises(Misconfigured, match="32 bytes"):
        SecretBox("short")


def test_the_key_file_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    first = load_or_make_key(path)
    assert load_or_make_key(path) == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_written_atomically_leaves_nothing_beside_it(tmp_path: Path) -> None:
    write_atomically(tmp_path / "f", b"one")
    write_atomically(tmp_path / "f", b"two")
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("f", b"two")]


def test_a_snapshot_file_tells_of_each_change_once(tmp_path: Path) -> None:
    path = tmp_path / "snapshot.json"
    file = SnapshotFile(path)
    seen: list[int] = []
    file.on_change(lambda snapshot: seen.append(snapshot.version))
    assert not file.refresh()
    write_atomically(path, encode_snapshot(Snapshot(version=1)))
    assert file.refresh()
    assert not file.refresh()
    path.unlink()
    assert not file.refresh()  # it goes on with what it has
    assert (seen, file.current.version) == ([0, 1], 1)


def test_a_snapshot_knows_the_source_of_each_key() -> None:
    source = SourceView(
        id="s", workspace="w", slug="s", name="S", type="http-api", write_keys=("a", "b")
    )
    keys = Snapshot(sources={"s": source}).source_of_key()
    assert keys == {"a": source, "b": source}
