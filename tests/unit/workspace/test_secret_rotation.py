"""The key for secrets at rest is changed, and no crash on the way makes a secret unreadable."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select
from tests.unit.workspace.kit import make_control

from crossdock.base.clock import ManualClock
from crossdock.base.datafolder import DataFolder
from crossdock.base.errors import Busy, Misconfigured, Rejected
from crossdock.base.secrets import SecretBox, keys_held, keys_of, new_key, secrets_of
from crossdock.base.snapshots import SnapshotFile
from crossdock.state.tables import audit, destination_state, destinations, messages, people
from crossdock.workspace.control import Control
from crossdock.workspace.destinations import create_destination, set_destination
from crossdock.workspace.secret_rotation import SEALED, Rotation, rotate
from crossdock.workspace.sources import create_source

URL = "https://example.com/hook"


def in_another_process(control: Control) -> Control:
    """The same data, with a key box of its own, as a process has it that starts now."""
    box = secrets_of("", control.folder.key_file)
    return Control(control.database, box, control.clock, control.folder)


@contextmanager
def installation(root: Path, count: int = 2) -> Iterator[Control]:
    """With `count` webhooks, whose secret is their number."""
    folder = DataFolder(root)
    control = make_control(root, ManualClock())
    control = Control(
        control.database, secrets_of("", folder.key_file), control.clock, control.folder
    )
    control.change(lambda c: create_source(c, name="Shop"))
    for n in range(count):
        write(control, n, str(n))
    try:
        yield control
    finally:
        control.database.close()


def write(control: Control, n: int, secret: str) -> None:
    given = {"url": URL, "shared_secret": secret, "headers": {"Authorization": secret}}

    def work(change: Any) -> None:
        try:
            set_destination(change, f"hook-{n}", given)
        except Rejected:
            create_destination(
                change, source="shop", type="webhook", settings=given, slug=f"hook-{n}"
            )

    control.change(work)


def read(control: Control) -> dict[int, str]:
    """Every secret of the tables and of the published snapshot, which say the same."""
    query = select(destinations.c.slug, destinations.c.settings)
    rows = control.database.read(lambda c: c.execute(query).all())
    published = SnapshotFile(control.folder.snapshot).current.destinations.values()
    found = {}
    for slug, stored in [*rows, *((view.slug, view.settings) for view in published)]:
        opened = control.secrets.open_all(stored)
        assert opened["headers"]["Authorization"] == opened["shared_secret"]
        n = int(slug.removeprefix("hook-"))
        assert found.setdefault(n, opened["shared_secret"]) == opened["shared_secret"]
    return found


def rotated(control: Control) -> Rotation:
    done = Rotation()
    for _ in rotate(in_another_process(control), done):
        pass
    return done


actions = st.one_of(
    st.tuples(st.just("rotate"), st.integers(0, 12)),
    st.tuples(st.just("write"), st.integers(0, 2)),
    st.tuples(st.just("start"), st.just(0)),
)


@settings(max_examples=30, deadline=None)
@given(st.lists(actions, max_size=8))
def test_a_crash_anywhere_leaves_every_secret_readable_to_every_process(
    steps: list[tuple[str, int]],
) -> None:
    """Rotations that die after any step, writes by processes that started before them, and new
    processes: all of them open all secrets at any time."""
    with TemporaryDirectory() as folder, installation(Path(folder) / "data") as control:
        running = [control]
        expected = read(control)
        for at, (action, n) in enumerate(steps):
            if action == "rotate":
                list(islice(rotate(in_another_process(control), Rotation()), n))
            elif action == "write":
                expected[n] = f"secret-{at}"
                write(running[at % len(running)], n, expected[n])
            else:
                running.append(in_another_process(control))
            for process in [*running, in_another_process(control)]:
                assert read(process) == expected
        rotated(control)
        assert len(keys_of(control.folder.key_file.read_text())) == 1
        assert read(in_another_process(control)) == expected


def test_nothing_is_sealed_by_the_old_key_afterwards(tmp_path: Path) -> None:
    with installation(tmp_path / "data") as control:
        old = SecretBox(control.folder.key_file.read_text())
        seal = control.secrets.seal
        person = {"id": "per_1", "email": "a@b.c", "name": "A", "is_owner": True,
                  "totp": seal("t"), "created_ms": 0}  # fmt: skip
        mail = {"kind": "k", "recipient": "r", "subject": "s", "body": seal("b"),
                "created_ms": 0, "attempts": 0, "failure": ""}  # fmt: skip
        tokens = {"destination_id": "dst_1", "name": "tokens", "workspace_id": "ws_1",
                  "value": seal("{}")}  # fmt: skip
        control.database.transact(lambda c: c.execute(insert(destination_state).values(**tokens)))
        control.database.transact(lambda c: c.execute(insert(people).values(**person)))
        control.database.transact(lambda c: c.execute(insert(messages).values(**mail)))
        done = rotated(control)
        assert (done.rows, done.unreadable, done.dropped) == (5, 0, 1)
        new = in_another_process(control).secrets
        seen = 0
        for _, column in SEALED:
            query = select(column)
            for value in control.database.read(lambda c, q=query: c.execute(q).scalars().all()):
                if value:
                    assert new.opens(value)
                    assert not old.opens(value)
                    seen += 1
        assert seen == 5
        published = SnapshotFile(control.folder.snapshot).current.destinations.values()
        assert all(new.opens(v.settings) and not old.opens(v.settings) for v in published)


def test_many_rows_are_sealed_in_batches(tmp_path: Path) -> None:
    with installation(tmp_path / "data", count=1) as control:
        seal = control.secrets.seal
        rows = [
            {"kind": "k", "recipient": "r", "subject": "s", "body": seal(str(n)),
             "created_ms": 0, "attempts": 0, "failure": ""}
            for n in range(450)
        ]  # fmt: skip
        control.database.transact(lambda c: c.execute(insert(messages), rows))
        assert rotated(control).rows == 451


def test_a_rotation_that_died_is_ended_by_the_next_with_the_same_key(tmp_path: Path) -> None:
    with installation(tmp_path / "data") as control:
        list(islice(rotate(in_another_process(control), Rotation()), 1))
        begun = keys_of(control.folder.key_file.read_text())
        assert len(begun) == 2
        rotated(control)
        assert keys_of(control.folder.key_file.read_text()) == begun[:1]


def test_what_no_key_opens_stays_and_is_counted(tmp_path: Path) -> None:
    with installation(tmp_path / "data") as control:
        foreign = {"url": URL, "shared_secret": SecretBox(new_key()).seal("x")}
        row = destinations.update().where(destinations.c.slug == "hook-0").values(settings=foreign)
        control.database.transact(lambda c: c.execute(row))
        assert rotated(control).unreadable == 1
        query = select(destinations.c.settings).where(destinations.c.slug == "hook-0")
        assert control.database.read(lambda c: c.execute(query).scalar_one()) == foreign


def test_a_rotation_is_in_the_audit_trail(tmp_path: Path) -> None:
    with installation(tmp_path / "data") as control:
        rotated(control)
        query = select(audit.c.action).order_by(audit.c.id.desc())
        assert control.database.read(lambda c: c.execute(query).scalars().first()) == (
            "Secret Key Rotated"
        )


def test_keys_of_a_setting_are_not_touched_and_the_first_one_seals(tmp_path: Path) -> None:
    with installation(tmp_path / "data") as control:
        before, new = control.folder.key_file.read_text(), new_key()
        box = SecretBox(f"{new}, {before}")
        by_setting = Control(control.database, box, control.clock, control.folder)
        done = Rotation()
        for _ in rotate(by_setting, done):
            pass
        assert (done.rows, done.dropped) == (2, 0)
        assert control.folder.key_file.read_text() == before
        alone = Control(control.database, SecretBox(new), control.clock, control.folder)
        assert read(alone) == {0: "0", 1: "1"}


def test_no_rotation_while_a_backup_copies_key_and_data(tmp_path: Path) -> None:
    lock = tmp_path / "secret.lock"
    with keys_held(lock, alone=False):
        with keys_held(lock, alone=False):
            pass
        with pytest.raises(Busy), keys_held(lock, alone=True):
            pass
    with keys_held(lock, alone=True):
        pass


secret_texts = st.text(max_size=50)
values = st.recursive(
    secret_texts, lambda inner: st.dictionaries(st.text(max_size=5), inner, max_size=3)
)


@given(values, st.integers(0, 2))
def test_what_is_sealed_anew_opens_to_the_same(value: Any, at: int) -> None:
    keys = [new_key(), new_key(), new_key()]

    def sealed(inner: Any) -> Any:
        if isinstance(inner, dict):
            return {name: sealed(deeper) for name, deeper in inner.items()}
        return SecretBox(keys[at]).seal(inner)

    box = SecretBox(",".join(keys))
    after = box.resealed(sealed(value))
    assert box.resealed(after) is after
    assert SecretBox(keys[0]).open(after) == value
    if at and not isinstance(value, dict):
        with pytest.raises(Misconfigured):
            SecretBox(keys[at]).open(after)
