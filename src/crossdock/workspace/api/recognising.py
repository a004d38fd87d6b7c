"""Who sends a request: a token in `Authorization: Bearer ...`, or a person by a session's cookie;
then the allowance is counted."""

import asyncio
from typing import Any

from litestar import Request
from litestar.exceptions import NotAuthorizedException

from crossdock.base.errors import Busy
from crossdock.workspace.access.principals import Principal
from crossdock.workspace.api.context import Api, Desk
from crossdock.workspace.api.limiting import ALLOWANCE, Limiter
from crossdock.workspace.api.visiting import Visitor
from crossdock.workspace.people.acting import workspaces_of
from crossdock.workspace.tokens import find_token, note_use

SCHEME = "bearer "
WORKSPACE_HEADER = "X-Crossdock-Workspace"
"""Slug or id of the workspace that a person's request is for; tokens have but one."""


class Recognition:
    """The dependency `api` of every operation."""

    def __init__(self, desk: Desk, limiter: Limiter) -> None:
        self._desk = desk
        self._limiter = limiter

    async def __call__(self, request: Request[Any, Any, Any]) -> Api:
        """Raises NotAuthorizedException (401), Busy (429)."""
        principal, only = await self._principal(request)
        allowance = self._limiter.take(principal.id)
        request.scope["state"][ALLOWANCE] = allowance
        if allowance.exceeded:
            raise Busy(
                f"more than {allowance.limit} requests in a minute", allowance.reset_s, status=429
            )
        workspace = principal.workspace or request.headers.get(WORKSPACE_HEADER) or only
        return Api(self._desk, request, principal, workspace)

    async def _principal(self, request: Request[Any, Any, Any]) -> tuple[Principal, str | None]:
        """And the workspace that is meant where none is named: the only one of theirs."""
        header = request.headers.get("authorization", "")
        visitor = Visitor(self._desk, request)
        if not header and visitor.secret:
            person = (await visitor.require_session()).person
            mine = await asyncio.to_thread(
                self._desk.control.database.read, lambda c: workspaces_of(c, person.id)
            )
            return person, mine[0] if len(mine) == 1 else None
        return await self._token(header), None

    async def _token(self, header: str) -> Principal:
        if not header.lower().startswith(SCHEME):
            raise NotAuthorizedException("this needs `Authorization: Bearer TOKEN`, or a session")
        token = header[len(SCHEME) :].strip()
        database = self._desk.control.database
        found = await asyncio.to_thread(database.read, lambda c: find_token(c, token))
        if found is None:
            raise NotAuthorizedException("the token is unknown or revoked")
        await asyncio.to_thread(note_use, database, found, self._desk.control.clock.now_ms())
        return Principal(
            kind="token",
            id=found.id,
            name=found.name,
            is_owner=False,
            workspace=found.workspace_id,
        )
