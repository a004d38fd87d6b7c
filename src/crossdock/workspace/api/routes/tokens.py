"""Tokens: access to this API."""

import msgspec
from litestar import delete, get, post

from crossdock.workspace.api.answering import Data, Status
from crossdock.workspace.api.context import Body, InApi
from crossdock.workspace.api.paging import Pagination
from crossdock.workspace.tokens import create_token, page_of_tokens, revoke_token
from crossdock.workspace.views import LabelRef, TokenInfo

TAGS = ["Crossdock"]


class CreateToken(Body, frozen=True):
    """`role`: owner, member or the id of a role. `sources`, `warehouses`: the only ones it is for,
    by id or slug; `labels`: only sources that carry all of them."""

    role: str
    name: str = ""
    sources: tuple[str, ...] = ()
    warehouses: tuple[str, ...] = ()
    labels: tuple[LabelRef, ...] = ()


class TokenOutput(msgspec.Struct, frozen=True):
    token: TokenInfo


class TokensOutput(msgspec.Struct, frozen=True):
    tokens: list[TokenInfo]
    pagination: Pagination


@get("/tokens", operation_id="listTokens", tags=TAGS, summary="List tokens")
async def list_(api: InApi) -> Data[TokensOutput]:
    """Live and revoked ones, never the tokens themselves. Needs a Workspace Owner."""
    page = api.page
    return Data(TokensOutput(*await api.read(lambda change: page_of_tokens(change, page))))


@post("/tokens", operation_id="createToken", tags=TAGS, summary="Create a token")
async def create(api: InApi, data: CreateToken) -> Data[TokenOutput]:
    """The answer holds the token, shown this once. Audited as `Token Created`. Needs a Workspace
    Owner."""
    made = await api.change(
        lambda change: create_token(
            change,
            role=data.role,
            name=data.name,
            sources=data.sources,
            warehouses=data.warehouses,
            labels=data.labels,
        )
    )
    return Data(TokenOutput(made))


@delete(
    "/tokens/{token_id:str}",
    status_code=200,
    operation_id="deleteToken",
    tags=TAGS,
    summary="Revoke a token",
)
async def remove(api: InApi, token_id: str) -> Data[Status]:
    """It is refused from now on; the list still shows it. Refused (409) for one that is revoked
    already. Audited as `Token Revoked`. Needs a Workspace Owner."""
    await api.change(lambda change: revoke_token(change, token_id))
    return Data(Status())


OPERATIONS = (list_, create, remove)
