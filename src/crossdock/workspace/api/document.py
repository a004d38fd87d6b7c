"""The Public API as an OpenAPI 3.1 document, generated from the operations: checked in as
docs/reference/openapi.json, served at `/api/openapi.json`, what the app's client is made of."""

import re
from collections import Counter
from collections.abc import Iterable
from functools import cache
from typing import Any, Final

from litestar import Litestar, Router
from litestar.di import Provide
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, License, SecurityScheme, Server

from crossdock import __version__
from crossdock.workspace.api.context import Api
from crossdock.workspace.api.routes import OPERATIONS

OURS: Final = "Crossdock"
"""Tag of operations that Segment's API does not have."""

_ERRORS: Final = {
    "400": "The request cannot be read.",
    "401": "No token, or one that is unknown or revoked.",
    "403": "The role does not allow it.",
    "404": "There is no such thing here, or it may not be seen.",
    "409": "It conflicts with what is there.",
    "422": "A member is wrong; `field` names it.",
    "429": "Too many requests; `Retry-After` says when to come back.",
}
_PAGING: Final = [
    {
        "name": "pagination",
        "in": "query",
        "style": "deepObject",
        "explode": True,
        "required": False,
        "description": "`pagination[count]` (1 to 1000) and `pagination[cursor]`; "
        "`pagination.count` and a JSON object are understood too.",
        "schema": {
            "type": "object",
            "properties": {
                "count": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 10},
                "cursor": {"type": "string"},
            },
        },
    }
]


@cache
def document() -> dict[str, Any]:
    """The whole document. Callers must not change it."""
    found: dict[str, Any] = _generated()
    schemas = found["components"]["schemas"]
    renamed = _names(schemas)
    found["components"]["schemas"] = {renamed[name]: schemas[name] for name in sorted(schemas)}
    _rename(
        found,
        {f"#/components/schemas/{a}": f"#/components/schemas/{b}" for a, b in renamed.items()},
    )
    _add_failures(found["components"]["schemas"])
    for path in found["paths"].values():
        for operation in path.values():
            _complete(operation, found["components"]["schemas"])
    return found


def _generated() -> dict[str, Any]:
    async def nobody() -> Api:
        raise NotImplementedError("this application only describes itself")

    async def nowhere() -> Api:
        return await nobody()  # Litestar wants a function for each key

    dependencies = {"api": Provide(nobody), "visitor": Provide(nowhere)}
    router = Router("/api", route_handlers=OPERATIONS, dependencies=dependencies)
    config = OpenAPIConfig(
        title="Crossdock Public API",
        version=__version__,
        description="Segment's Public API on your own machine, with additions beside it.",
        license=License(name="Apache-2.0", identifier="Apache-2.0"),
        servers=[Server(url="/", description="The app port")],
        security=[{"token": []}, {"session": []}],
        components=Components(
            security_schemes={
                "token": SecurityScheme(type="http", scheme="bearer", description="A token."),
                "session": SecurityScheme(
                    type="apiKey",
                    name="crossdock",
                    security_scheme_in="cookie",
                    description="A person's session (`__Host-crossdock` over https). What changes "
                    "something needs the header X-CSRF-Token besides, as getSession tells it.",
                ),
            }
        ),
        use_handler_docstrings=True,
    )
    schema: dict[str, Any] = Litestar([router], openapi_config=config).openapi_schema.to_schema()
    return schema


def _names(schemas: Iterable[str]) -> dict[str, str]:
    """Short names; where two shapes would have one, the resource stands before it."""
    names = list(schemas)
    short = {name: _short(name) for name in names}
    times = Counter(short.values())
    return {n: short[n] if times[short[n]] == 1 else _resource(n) + short[n] for n in names}


def _short(name: str) -> str:
    """`Data_crossdock.workspace.api.routes.labels.LabelOutput_` -> `LabelOutputData`."""
    inner = re.fullmatch(r"Data_(?:.*[._])?(\w+?)_", name)
    return f"{inner.group(1)}Data" if inner else re.split(r"[._]", name)[-1]


def _resource(name: str) -> str:
    """`...routes.source_sending.SourceOutput` -> `SourceSending`."""
    found = re.search(r"([a-z_]+)[._]\w+?_?$", name.replace("routes_", "routes."))
    return "".join(part.title() for part in found.group(1).split("_")) if found else ""


def _rename(value: Any, names: dict[str, str]) -> None:
    if isinstance(value, dict):
        if value.get("$ref") in names:
            value["$ref"] = names[value["$ref"]]
        for item in value.values():
            _rename(item, names)
    elif isinstance(value, list):
        for item in value:
            _rename(item, names)


def _complete(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """What handlers do not say of themselves: the errors, and pages where the answer has them."""
    failures = {"application/json": {"schema": {"$ref": "#/components/schemas/Failures"}}}
    for status, text in _ERRORS.items():
        operation["responses"][status] = {"description": text, "content": failures}
    if _pages(operation, schemas):
        operation["parameters"] = [*operation.get("parameters", []), *_PAGING]


def _pages(operation: dict[str, Any], schemas: dict[str, Any]) -> bool:
    for status, answer in operation["responses"].items():
        for content in answer.get("content", {}).values():
            name = content["schema"].get("$ref", "").rsplit("/", 1)[-1]
            data = schemas.get(name, {}).get("properties", {}).get("data", {})
            inner = schemas.get(data.get("$ref", "").rsplit("/", 1)[-1], {})
            if status < "300" and "pagination" in inner.get("properties", {}):
                return True
    return False


def _add_failures(schemas: dict[str, Any]) -> None:
    schemas["Failure"] = {
        "type": "object",
        "title": "Failure",
        "required": ["type", "message"],
        "properties": {
            "type": {"type": "string"},
            "message": {"type": "string"},
            "field": {"type": "string"},
        },
    }
    schemas["Failures"] = {
        "type": "object",
        "title": "Failures",
        "required": ["errors"],
        "properties": {
            "errors": {"type": "array", "items": {"$ref": "#/components/schemas/Failure"}}
        },
    }
