"""The Public API in this process: a real control on SQLite, real routing, no socket."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from litestar import Litestar
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


_DESK = Desk(None, Settings())  # type: ignore[arg-type]  # each kit puts its own control in


@cache
def _application() -> Litestar:
    """Made once: that takes longer than most tests, and it keeps nothing of its desk."""
    return make_app(_NoHealth(), _DESK)  # type: ignore[arg-type]  # nobody asks for health


@contextmanager
def api_kit(root: Path, **settings: Any) -> Iterator[ApiKit]:
    """Of kits that are open at once, the last one opened answers."""
    clock = ManualClock()
    control = make_control(root, clock)
    before = _DESK.control, _DESK.settings
    _DESK.control, _DESK.settings = control, Settings(data=str(root), **settings)
    try:
        with TestClient(_application()) as client:
            yield ApiKit(control, client, clock)
    finally:
        _DESK.control, _DESK.settings = before
        control.database.close()
