"""A real SMTP server on loopback, in the test's loop, that answers as it is told."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

OK = "250 OK"
CUT = "cut"
"""Instead of an answer: close the connection."""


class MailServer:
    """`received` are the messages it took. `to_recipients` and `to_data` are its next answers, the
    first first; it says OK where none is left."""

    def __init__(self) -> None:
        self.port = 0
        self.received: list[EmailMessage] = []
        self.sessions = 0
        self.users: list[tuple[str, str]] = []
        self.to_recipients: list[str] = []
        self.to_data: list[str] = []

    async def handle_EHLO(
        self, server: SMTP, session: Session, _envelope: Envelope, hostname: str, lines: list[str]
    ) -> list[str]:
        session.host_name = hostname
        self.sessions += 1
        return lines

    async def handle_RCPT(
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        answer = self._next(self.to_recipients, server)
        if answer == OK:
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:
        answer = self._next(self.to_data, server)
        if answer == OK:
            message = message_from_bytes(envelope.original_content or b"", policy=default)
            assert isinstance(message, EmailMessage)
            self.received.append(message)
        return answer

    def sign_in(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: Any
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.users.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=data.password == b"right", handled=False)

    @staticmethod
    def _next(answers: list[str], server: SMTP) -> str:
        answer = answers.pop(0) if answers else OK
        if answer == CUT:
            assert server.transport is not None
            server.transport.abort()
        return answer


@asynccontextmanager
async def mail_server(
    *, port: int = 0, starttls: ssl.SSLContext | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[MailServer]:
    mail = MailServer()
    loop = asyncio.get_running_loop()

    def session() -> SMTP:
        return SMTP(
            mail,
            loop=loop,
            hostname="localhost",
            tls_context=starttls,
            authenticator=mail.sign_in,
            auth_require_tls=tls is None and starttls is not None,
        )

    server = await loop.create_server(session, "127.0.0.1", port, ssl=tls)
    mail.port = server.sockets[0].getsockname()[1]
    try:
        yield mail
    finally:
        server.close()
