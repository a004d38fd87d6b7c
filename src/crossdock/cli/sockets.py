"""Listening sockets: made once by `serve` and inherited by number, or made by a role alone."""

import socket

from crossdock.base.errors import Misconfigured

BACKLOG = 4096
"""Connections that the kernel keeps while a collector restarts."""


def listening(setting: str, host: str, port: int) -> socket.socket:
    """A listening socket. Raises Misconfigured, naming the setting, where it cannot be."""
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        return socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except OSError as error:
        reason = error.strerror or str(error)
        raise Misconfigured(
            f"setting {setting}: cannot listen on {host}:{port}: {reason}"
        ) from None


def inherited_or_listening(fd: int | None, setting: str, host: str, port: int) -> socket.socket:
    """The parent's socket where there is one. Never blocks: loops need that."""
    listener = socket.socket(fileno=fd) if fd is not None else listening(setting, host, port)
    listener.setblocking(False)
    return listener


def url_of(listener: socket.socket) -> str:
    """As people on this machine open it."""
    host, port = listener.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)  # noqa: S104 - for people
    return f"http://{shown}:{port}"
