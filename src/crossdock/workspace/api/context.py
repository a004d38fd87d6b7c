"""One request to the Public API: who asks, in which workspace, for which page."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from litestar import Request
from litestar.di import NamedDependency

from crossdock.base.settings import Settings
from crossdock.workspace.access.principals import Principal
from crossdock.workspace.api.paging import Asked, asked
from crossdock.workspace.control import Change, Control
from crossdock.workspace.people.oidc import Provider, provider_of
from crossdock.workspace.publish import wait_for_collectors

T = TypeVar("T")

COLLECTORS_S_MAX = 2.0


class Body(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What requests send. A member that is not known is refused: it would be a silent loss."""


class Desk:
    """What the operations of one installation share."""

    def __init__(self, control: Control, settings: Settings) -> None:
        self.control = control
        self.settings = settings
        self._provider: Provider | None = None

    @property
    def provider(self) -> Provider | None:
        """The identity provider that people may sign in with; None where the settings name none."""
        if self._provider is None or self._provider.settings is not self.settings:
            control = self.control
            self._provider = provider_of(self.settings, control.clock, control.secrets)
        return self._provider


class Api:
    """Handed to every operation as its argument `api`."""

    def __init__(
        self,
        desk: Desk,
        request: Request[Any, Any, Any],
        principal: Principal,
        workspace: str | None,
    ) -> None:
        self.desk = desk
        self.control = desk.control
        self.settings = desk.settings
        self.request = request
        self.principal = principal
        self.workspace = workspace
        """Slug or id; None: the only one."""

    @property
    def page(self) -> Asked:
        """Raises Rejected (422) where the query asks for none that there can be."""
        return asked(self.request.scope["query_string"])

    async def read(self, work: Callable[[Change], T]) -> T:
        """Run `work`, which only reads, as this principal in this workspace."""
        return await asyncio.to_thread(
            self.control.read, work, workspace=self.workspace, principal=self.principal
        )

    async def change(self, work: Callable[[Change], T], *, awaited: bool = False) -> T:
        """Run `work` in one transaction and publish. `awaited`: answer once the collectors of this
        machine know it, so that a new write key works as soon as it is seen."""
        result, version = await asyncio.to_thread(
            self.control.change, work, workspace=self.workspace, principal=self.principal
        )
        if awaited:
            control = self.control
            await wait_for_collectors(control.folder, version, control.clock, COLLECTORS_S_MAX)
        return result


InApi = NamedDependency[Api]
"""How an operation takes its `api`."""
