"""One connection to the mail server, to an address that was vetted, and one message over it."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.headerregistry import Address as Mailbox
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import formatdate
from typing import NamedTuple

import aiosmtplib

from crossdock.base.addresses import Target
from crossdock.base.errors import Permanent, Retryable
from crossdock.base.sender import VettedResolver
from crossdock.base.settings import Settings

CONNECT_S_MAX = 10.0
COMMAND_S_MAX = 20.0
MESSAGE_S_MAX = 60.0
FAILURE_CHARS_MAX = 300


class Letter(NamedTuple):
    """A message as it is sent. `id` and `created_ms` make its Message-ID, so that a second copy,
    sent after a crash, is known as one."""

    id: int
    created_ms: int
    recipient: str
    subject: str
    text: str


class ServerAway(Retryable):
    """The server cannot be reached or signed in to: no fault of the message's."""


@asynccontextmanager
async def connected(settings: Settings, resolver: VettedResolver) -> AsyncIterator[aiosmtplib.SMTP]:
    """Signed in where a user is set. Raises ServerAway."""
    target = Target("smtp", settings.smtp_host.lower(), settings.smtp_port)
    server = None
    try:
        server = aiosmtplib.SMTP(
            hostname=settings.smtp_host,
            sock=await _socket(target, resolver),
            local_hostname=settings.smtp_from.rpartition("@")[2],
            timeout=COMMAND_S_MAX,
            use_tls=settings.smtp_tls == "tls",
            start_tls=settings.smtp_tls == "starttls",
            username=settings.smtp_user or None,
            password=settings.smtp_password or None,
        )
        async with asyncio.timeout(MESSAGE_S_MAX):
            await server.connect()
    except (aiosmtplib.SMTPException, OSError, Retryable, ValueError) as error:
        resolver.forget(target)
        if server is not None:
            server.close()
        raise ServerAway("smtp", _said(error, f"{target.host}:{target.port}: ")) from error
    try:
        yield server
    finally:
        server.close()


async def send(server: aiosmtplib.SMTP, sender: str, letter: Letter) -> None:
    """Raises Permanent where the server will never take it, Retryable where it may later, and
    ServerAway where the connection is of no more use."""
    try:
        async with asyncio.timeout(MESSAGE_S_MAX):
            await server.send_message(message_of(sender, letter))
    except aiosmtplib.SMTPRecipientsRefused as error:
        raise _refused(error.recipients[0]) from error
    except aiosmtplib.SMTPDataError as error:
        raise _refused(error) from error
    except aiosmtplib.SMTPResponseException as error:
        # The sender's address is refused: the operator can mend that while the message waits.
        raise Retryable("smtp", _said(error)) from error
    except (aiosmtplib.SMTPException, OSError) as error:
        raise ServerAway("smtp", _said(error)) from error


def message_of(sender: str, letter: Letter) -> EmailMessage:
    message = EmailMessage(policy=SMTP_POLICY)
    message["From"] = Mailbox("Crossdock", addr_spec=sender)
    message["To"] = Mailbox(addr_spec=letter.recipient)
    message["Subject"] = letter.subject
    message["Date"] = formatdate(letter.created_ms / 1000)
    message["Message-ID"] = f"<{letter.id}.{letter.created_ms}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text)
    return message


async def _socket(target: Target, resolver: VettedResolver) -> socket.socket:
    """Connected to the first of the vetted addresses that answers."""
    failure: OSError | None = None
    for address in await resolver.addresses(target):
        family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
        made = socket.socket(family, socket.SOCK_STREAM)
        made.setblocking(False)
        try:
            async with asyncio.timeout(CONNECT_S_MAX):
                await asyncio.get_running_loop().sock_connect(made, (str(address), target.port))
        except OSError as error:  # TimeoutError is one
            made.close()
            failure = error
        else:
            return made
    raise failure or OSError("no address")


def _refused(error: aiosmtplib.SMTPResponseException) -> Permanent | Retryable:
    kind = Permanent if error.code >= 500 else Retryable
    return kind("smtp", _said(error))


def _said(error: Exception, prefix: str = "") -> str:
    """What the server said, for people: one line, and nothing that we sent to it."""
    if isinstance(error, aiosmtplib.SMTPResponseException):
        text = f"{error.code} {error.message}"
    else:
        text = str(error) or type(error).__name__
    return (prefix + " ".join(text.split()))[:FAILURE_CHARS_MAX]
