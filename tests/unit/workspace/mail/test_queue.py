"""Queueing mail."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, select
from tests.unit.workspace.kit import make_control

from crossdock.base.errors import Busy, Rejected
from crossdock.base.secrets import is_sealed
from crossdock.state.tables import messages
from crossdock.workspace.control import Control
from crossdock.workspace.mail import queue
from crossdock.workspace.mail.queue import one_line, queue_message


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    made = make_control(tmp_path)
    yield made
    made.database.close()


def queued(control: Control, **values: Any) -> int:
    given: dict[str, Any] = {
        "workspace_id": None,
        "kind": "test",
        "recipient": "jane@example.com",
        "subject": "Hello",
        "text": "https://example.com/one-time-link",
        **values,
    }
    now_ms = control.clock.now_ms()
    return control.database.transact(
        lambda c: queue_message(c, now_ms=now_ms, secrets=control.secrets, **given)
    )


def test_a_message_waits_with_its_text_sealed(control: Control) -> None:
    made = queued(control)
    row = control.database.read(
        lambda c: c.execute(select(messages).where(messages.c.id == made)).mappings().one()
    )
    assert is_sealed(row["body"])
    assert "one-time-link" not in str(dict(row))
    assert control.secrets.open(row["body"]) == "https://example.com/one-time-link"
    assert row["next_ms"] == control.clock.now_ms()


def test_a_message_is_gone_with_its_transaction(control: Control) -> None:
    def work(connection: Connection) -> None:
        queue_message(
            connection,
            workspace_id=None,
            kind="test",
            recipient="jane@example.com",
            subject="Hello",
            text="text",
            now_ms=0,
            secrets=control.secrets,
        )
        raise LookupError

    with pytest.raises(LookupError):
        control.database.transact(work)
    assert control.database.read(lambda c: c.execute(select(messages)).all()) == []


@pytest.mark.parametrize(
    "address",
    [
        "",
        "jane",
        "@example.com",
        "jane@",
        "jane@example.com\n",
        "jane@example.com\r\nBcc: eve@example.com",
        "jane@example.com, eve@example.com",
        "Jane <jane@example.com>",
        '"jane"@example.com',
        "jane doe@example.com",
        "jäne@example.com",
        "jane@exa_mple.com",
        f"{'j' * 65}@example.com",
        f"jane@{'e' * 250}.com",
    ],
)
def test_an_address_that_no_mail_could_go_to_is_refused(control: Control, address: str) -> None:
    with pytest.raises(Rejected, match="expected an e-mail address") as refused:
        queued(control, recipient=address)
    assert (refused.value.status, refused.value.field) == (422, "email")


@given(st.text(max_size=400))
def test_a_subject_is_one_printable_line_of_limited_length(text: str) -> None:
    line = one_line(text, 200)
    assert line.isprintable()
    assert len(line) <= 200


def test_a_subject_keeps_what_people_wrote(control: Control) -> None:
    queued(control, subject="Källe's shop\r\nBcc: eve@example.com")
    row = control.database.read(lambda c: c.execute(select(messages.c.subject)).scalar_one())
    assert row == "Källe's shop Bcc: eve@example.com"


def test_texts_and_the_queue_have_limits(control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Rejected, match="20001 characters: expected at most 20000"):
        queued(control, text="x" * 20_001)
    monkeypatch.setattr(queue, "WAITING_MAX", 1)
    queued(control)
    with pytest.raises(Busy):
        queued(control)
