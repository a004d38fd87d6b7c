"""The Public API in this process: a real control on SQLite, real routing, no socket."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from litestar.testing import TestClient
from tests.unit.workspace.kit import make_control

from crossdock.base.clock import ManualClock
from crossdock.base.settings import Settings
from crossdock.workspace.api.context import Desk
from crossdock.workspace.app import make_app
from crossdock.workspace.control import Control
from crossdock.workspace.tokens import create_token


class ApiKit:
    """`kit.call("GET", "/labels")` -> (status, body). `kit.token` is an owner's by default."""

    def __init__(self, control: Control, client: TestClient[Any], clock: ManualClock) -> None:
        self.control = control
        self.client = client
        self.clock = clock
        self.token = self.make_token()

    def make_token(self, role: str = "owner") -> str:
        made, _ = self.control.change(lambda c: create_token(c, role=role))
        assert made.token is not None
        return made.token

    def call(
        self, method: str, path: str, body: Any = None, *, token: str | None = None, **query: Any
    ) -> tuple[int, Any]:
        answer = self.client.request(
            method,
            f"/api{path}",
            json=body,
            params=query,
            headers={"Authorization": f"Bearer {self.token if token is None else token}"},
        )
        return answer.status_code, answer.json()

    def ok(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """What stands in `data` of an answer below 300."""
        status, answer = self.call(method, path, body, **query)
        assert status < 300, answer
        return answer["data"]

    def refused(
        self, method: str, path: str, body: Any = None, **more: Any
    ) -> tuple[int, str, Any]:
        """Status, type and field of the first error."""
        status, answer = self.call(method, path, body, **more)
        assert status >= 400, answer
        first = answer["errors"][0]
        assert first["message"]
        return status, first["type"], first.get("field")


class _NoHealth:
    """`/ready` is not asked in these tests."""


@contextmanager
def api_kit(root: Path, **settings: Any) -> Iterator[ApiKit]:
    clock = ManualClock()
    control = make_control(root, clock)
    app = make_app(_NoHealth(), Desk(control, Settings(data=str(root), **settings)))  # type: ignore[arg-type]
    with TestClient(app) as client:
        yield ApiKit(control, client, clock)
    control.database.close()
