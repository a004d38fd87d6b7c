"""Sign-in with the identity provider: out to it, and back."""

import asyncio
from typing import Final

from litestar import Response, get

from crossdock.base.errors import Rejected
from crossdock.workspace.api.visiting import InVisitor, Visitor
from crossdock.workspace.app_url import app_url_of
from crossdock.workspace.pages.drawing import moved, own_path
from crossdock.workspace.people.oidc import FLOW_S, Provider
from crossdock.workspace.people.provided import sign_in_provided

CALLBACK: Final = "/sign-in/oidc/callback"


@get("/sign-in/oidc")
async def out(visitor: InVisitor) -> Response[str]:
    visitor.require_safe_transport()
    after = own_path(visitor.request.query_params.get("next", ""))
    url, sealed = await _of(visitor).begin(_redirect_uri(visitor), after)
    return moved(url, [visitor.made_cookie(_cookie_name(visitor), sealed, FLOW_S)])


@get(CALLBACK)
async def back(visitor: InVisitor) -> Response[str]:
    visitor.require_safe_transport()
    query = visitor.request.query_params
    name = _cookie_name(visitor)
    known = _of(visitor)
    flow = known.opened(visitor.request.cookies.get(name, ""), query.get("state", ""))
    if query.get("error"):
        raise Rejected("unauthorized", "the identity provider did not let you in", 401)
    if query.get("iss", known.issuer) != known.issuer:
        raise Rejected("unauthorized", "another identity provider answered", 401)
    identity = await known.finish(query.get("code", ""), flow, _redirect_uri(visitor))
    people, caller = visitor.people, visitor.caller
    opened = await asyncio.to_thread(sign_in_provided, people, identity, caller)
    return moved(flow.after, [visitor.cookie(opened), visitor.made_cookie(name, "", 0)])


def _of(visitor: Visitor) -> Provider:
    provider = visitor.desk.provider
    if provider is None:
        raise Rejected("not_found", "no identity provider is set: see oidc_issuer", 404)
    return provider


def _redirect_uri(visitor: Visitor) -> str:
    """As the operator entered it at the provider."""
    return app_url_of(visitor.desk.settings) + CALLBACK


def _cookie_name(visitor: Visitor) -> str:
    return f"{visitor.cookie_name}-oidc"


ROUTES = (out, back)
