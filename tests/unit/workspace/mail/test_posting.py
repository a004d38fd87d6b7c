"""Sending mail over a real SMTP server on loopback, on a clock that only the test moves."""

import asyncio
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import RowMapping, select, update
from structlog.testing import capture_logs
from tests.kit.smtp import CUT, MailServer, mail_server
from tests.kit.tls import make_certificate
from tests.unit.workspace.kit import make_control

from crossdock.base.clock import ManualClock
from crossdock.base.secrets import SecretBox, new_key
from crossdock.base.settings import Settings
from crossdock.state import leases
from crossdock.state.tables import messages
from crossdock.workspace.control import Control
from crossdock.workspace.mail.posting import ATTEMPTS_MAX, LEASE_MS, Poster
from crossdock.workspace.mail.queue import queue_message

LINK = "https://cdp.example.com/invite#one-time"


class Mail:
    """A workspace with mail to send, and who sends it."""

    def __init__(self, root: Path) -> None:
        self.clock = ManualClock()
        self.control: Control = make_control(root, self.clock)

    def queue(self, recipient: str = "jane@example.com", subject: str = "Hello") -> int:
        return self.control.database.transact(
            lambda c: queue_message(
                c,
                workspace_id=None,
                kind="test",
                recipient=recipient,
                subject=subject,
                text=LINK,
                now_ms=self.clock.now_ms(),
                secrets=self.control.secrets,
            )
        )

    def poster(self, port: int, **settings: Any) -> Poster:
        given = {
            "smtp_host": "127.0.0.1",
            "smtp_port": port,
            "smtp_from": "crossdock@example.com",
            "smtp_tls": "none",
            "allowed_addresses": ("127.0.0.1",),
            **settings,
        }
        control = self.control
        return Poster(control.database, control.secrets, self.clock, Settings(**given))

    def row(self, message: int) -> RowMapping:
        query = select(messages).where(messages.c.id == message)
        return self.control.database.read(lambda c: c.execute(query).mappings().one())

    def text(self, message: int) -> str:
        return str(self.control.secrets.open(self.row(message)["body"]))


@pytest.fixture
def mail(tmp_path: Path) -> Iterator[Mail]:
    made = Mail(tmp_path)
    yield made
    made.control.database.close()


def recipients(server: MailServer) -> list[str]:
    return [message["To"] for message in server.received]


def test_a_message_is_sent_once_and_its_text_is_forgotten_then(mail: Mail) -> None:
    async def run() -> None:
        async with mail_server() as server:
            poster = mail.poster(server.port)
            message = mail.queue(subject="Källe invites you")
            assert await poster.round() == 1
            assert await poster.round() == 0
            (got,) = server.received
            assert (got["To"], got["From"]) == (
                "jane@example.com",
                "Crossdock <crossdock@example.com>",
            )
            assert got["Subject"] == "Källe invites you"
            assert got.get_content().strip() == LINK
            row = mail.row(message)
            assert (row["sent_ms"], row["next_ms"]) == (mail.clock.now_ms(), None)
            assert (row["attempts"], row["failure"]) == (1, "")
            assert mail.text(message) == ""

    asyncio.run(run())


def test_messages_share_a_connection_and_go_in_their_order(mail: Mail) -> None:
    async def run() -> None:
        async with mail_server() as server:
            for n in range(3):
                mail.queue(f"p{n}@example.com")
            assert await mail.poster(server.port).round() == 3
            assert recipients(server) == [f"p{n}@example.com" for n in range(3)]
            assert server.sessions == 1

    asyncio.run(run())


def test_a_refused_recipient_is_given_up_at_once_and_stops_nobody_else(mail: Mail) -> None:
    async def run() -> None:
        async with mail_server() as server:
            first, second = mail.queue("gone@example.com"), mail.queue()
            server.to_recipients = ["550 no such user"]
            assert await mail.poster(server.port).round() == 1
            assert recipients(server) == ["jane@example.com"]
            row = mail.row(first)
            assert (row["sent_ms"], row["next_ms"]) == (None, None)
            assert row["failure"] == "550 no such user"
            assert mail.text(first) == LINK
            assert mail.row(second)["sent_ms"] is not None

    asyncio.run(run())


def test_a_passing_refusal_is_tried_again_after_a_growing_pause(mail: Mail) -> None:
    async def run() -> None:
        async with mail_server() as server:
            poster = mail.poster(server.port)
            message = mail.queue()
            server.to_recipients = ["451 later", "451 later"]
            for pause_s in (60, 300):
                assert await poster.round() == 0
                assert mail.row(message)["failure"] == "451 later"
                mail.clock.advance(pause_s - 1)
                assert await poster.round() == 0
                assert not server.received
                mail.clock.advance(1)
            assert await poster.round() == 1
            assert mail.row(message)["attempts"] == 3

    asyncio.run(run())


def test_a_message_is_given_up_after_its_last_attempt_and_stays_readable(mail: Mail) -> None:
    async def run() -> None:
        poster = mail.poster(1)
        message = mail.queue()
        attempts = 0
        while mail.row(message)["next_ms"] is not None:
            await poster.round()
            attempts += 1
            mail.clock.advance(3600)
        assert attempts == ATTEMPTS_MAX
        assert "127.0.0.1:1" in mail.row(message)["failure"]
        assert mail.text(message) == LINK

    asyncio.run(run())


@pytest.mark.parametrize("where", ["to_recipients", "to_data"])
def test_a_connection_that_is_cut_costs_an_attempt_and_no_message(mail: Mail, where: str) -> None:
    async def run() -> None:
        async with mail_server() as server:
            poster = mail.poster(server.port)
            first, second = mail.queue("a@example.com"), mail.queue("b@example.com")
            setattr(server, where, [CUT])
            assert await poster.round() == 0
            assert (mail.row(first)["attempts"], mail.row(second)["attempts"]) == (1, 0)
            assert await poster.round() == 1
            mail.clock.advance(60)
            assert await poster.round() == 1
            assert recipients(server) == ["b@example.com", "a@example.com"]

    asyncio.run(run())


def test_a_message_sent_but_not_noted_is_sent_again_under_the_same_id(mail: Mail) -> None:
    """As after a crash between the two."""

    async def run() -> None:
        async with mail_server() as server:
            message = mail.queue()
            before = dict(mail.row(message))
            assert await mail.poster(server.port).round() == 1
            mail.control.database.transact(
                lambda c: c.execute(
                    update(messages)
                    .where(messages.c.id == message)
                    .values({k: before[k] for k in ("sent_ms", "next_ms", "body", "attempts")})
                )
            )
            mail.clock.advance(3600)
            assert await mail.poster(server.port).round() == 1
            one, other = server.received
            assert one["Message-ID"] == other["Message-ID"]
            assert one["Date"] == other["Date"]

    asyncio.run(run())


def test_one_machine_sends_while_another_holds_the_lease(mail: Mail) -> None:
    async def run() -> None:
        async with mail_server() as server:
            mail.queue()
            mail.control.database.transact(
                lambda c: leases.acquire(c, "mail", "other", mail.clock.now_ms(), LEASE_MS)
            )
            poster = mail.poster(server.port)
            assert await poster.round() == 0
            mail.clock.advance(LEASE_MS / 1000)
            assert await poster.round() == 1

    asyncio.run(run())


def test_without_a_server_the_log_holds_the_text_once_and_the_message_stays_readable(
    mail: Mail,
) -> None:
    async def run() -> None:
        message = mail.queue()
        poster = mail.poster(25, smtp_host="", smtp_from="")
        with capture_logs() as lines:
            await poster.round()
            await poster.round()
        (line,) = [x for x in lines if x.get("message") == message]
        assert (line["recipient"], line["text"]) == ("jane@example.com", LINK)
        row = mail.row(message)
        assert (row["next_ms"], row["sent_ms"]) == (None, None)
        assert mail.text(message) == LINK

    asyncio.run(run())


def test_with_a_server_no_text_password_or_recipient_stands_in_the_log(mail: Mail) -> None:
    async def run() -> None:
        async with mail_server() as server:
            mail.queue()
            server.to_recipients = ["451 later"]
            poster = mail.poster(server.port, smtp_user="crossdock", smtp_password="right")
            with capture_logs() as lines:
                await poster.round()
                mail.clock.advance(60)
                assert await poster.round() == 1
            assert server.users == [("crossdock", "right")] * 2
            assert lines
            for secret in (LINK, "right", "jane@example.com"):
                assert secret not in str(lines)

    asyncio.run(run())


def test_a_wrong_password_is_the_servers_trouble_and_the_message_waits(mail: Mail) -> None:
    async def run() -> None:
        async with mail_server() as server:
            message = mail.queue()
            poster = mail.poster(server.port, smtp_user="crossdock", smtp_password="wrong")
            assert await poster.round() == 0
            row = mail.row(message)
            assert row["next_ms"] is not None
            assert "535" in row["failure"]

    asyncio.run(run())


def test_a_private_mail_server_is_asked_only_where_the_operator_allows_it(mail: Mail) -> None:
    async def run() -> None:
        async with mail_server() as server:
            message = mail.queue()
            await mail.poster(server.port, allowed_addresses=()).round()
            assert server.sessions == 0
            assert (
                f'allowed_addresses = ["127.0.0.1:{server.port}"]' in mail.row(message)["failure"]
            )

    asyncio.run(run())


@pytest.mark.parametrize("mode", ["starttls", "tls"])
def test_tls_sends_to_a_server_whose_certificate_holds_and_to_no_other(
    mail: Mail, mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_certificate(tmp_path / "tls", "localhost")
    certificate = tmp_path / "tls" / "cert.pem"
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, tmp_path / "tls" / "cert.key")

    async def run() -> None:
        async with mail_server(**{mode: context}) as server:
            message = mail.queue()
            poster = mail.poster(server.port, smtp_tls=mode, smtp_host="localhost")
            assert await poster.round() == 0
            assert not server.received
            assert "certificate" in mail.row(message)["failure"].lower()
            monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
            mail.clock.advance(60)
            assert await poster.round() == 1, mail.row(message)["failure"]

    asyncio.run(run())


def test_starttls_does_not_go_on_in_the_clear(mail: Mail) -> None:
    async def run() -> None:
        async with mail_server() as server:
            message = mail.queue()
            await mail.poster(server.port, smtp_tls="starttls").round()
            assert not server.received
            assert "STARTTLS" in mail.row(message)["failure"]

    asyncio.run(run())


def test_mail_is_kept_for_thirty_days_and_what_waits_longer(mail: Mail) -> None:
    async def run() -> None:
        async with mail_server() as server:
            poster = mail.poster(server.port)
            mail.queue("old@example.com")
            await poster.round()
            server.to_recipients = ["451 later"]
            waiting = mail.queue("waits@example.com")
            await poster.round()
            mail.clock.advance(30 * 86_400 + 1)
            await poster.round()
            kept = mail.control.database.read(
                lambda c: c.execute(select(messages.c.id)).scalars().all()
            )
            assert kept == [waiting]
            assert recipients(server) == ["old@example.com", "waits@example.com"]

    asyncio.run(run())


def test_a_text_sealed_with_another_key_is_given_up_and_stops_nobody_else(mail: Mail) -> None:
    async def run() -> None:
        async with mail_server() as server:
            lost, other = mail.queue("a@example.com"), mail.queue("b@example.com")
            sealed = SecretBox(new_key()).seal("x")
            mail.control.database.transact(
                lambda c: c.execute(
                    update(messages).where(messages.c.id == lost).values(body=sealed)
                )
            )
            assert await mail.poster(server.port).round() == 1
            assert mail.row(lost)["next_ms"] is None
            assert mail.row(other)["sent_ms"] is not None

    asyncio.run(run())
