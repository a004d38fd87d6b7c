"""One server with a webhook for all tests of a module that only look at their own users."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.kit.postgres import postgres_server
from tests.kit.receiver import Receiver
from tests.kit.server import CrossdockServer, Source

__all__ = ["postgres_server"]


@dataclass(frozen=True)
class Shop:
    """A running server, its one source, and the receiver behind the source's webhook."""

    server: CrossdockServer
    source: Source
    receiver: Receiver
    destination: str


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder: Path = tmp_path_factory.mktemp("shop") / "data"
    with Receiver() as receiver, CrossdockServer(folder) as server:
        source = server.create_source("Shop", "javascript")
        destination = server.create_webhook(source, receiver.url)
        yield Shop(server, source, receiver, destination)
