"""Workspaces are kept apart: two that are filled alike, down to the slugs."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import insert
from tests.unit.workspace.api.requests import REQUESTS, Valid
from tests.unit.workspace.api.world import World, path_of, two_worlds
from tests.unit.workspace.api_kit import api_kit

from crossdock.state.tables import members
from crossdock.workspace.access.principals import Principal
from crossdock.workspace.api.routes import OPERATIONS
from crossdock.workspace.sources import list_sources

READS = [operation for operation in OPERATIONS if "GET" in operation.http_methods]
OWN = {"workspace_id", "blog", "blog_hook", "blog_key", "shop", "shop_hook", "shop_key"}
OWN |= {"write_key", "warehouse_id", "user_group_id", "user_id", "token_id"}
OWN |= {"filter_id", "request_id", "mapped", "subscription_id"}
"""Names in `ids` of what belongs to one workspace alone and is not a mere number."""
ADDRESSED = {"source_id", "destination_id", "warehouse_id", "user_group_id", "user_id"}
ADDRESSED |= {"audit_event_id"}

PEOPLES = {"listPeople", "listSessions"}
"""Of the installation, not of a workspace: refused to tokens."""


def _parameters(operation: Any) -> set[str]:
    (path,) = operation.paths
    return set(re.findall(r"\{(\w+):str\}", path))


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, World]]:
    with api_kit(tmp_path_factory.mktemp("apart"), allowed_addresses=("127.0.0.1",)) as api:
        yield two_worlds(api)


def asked(world: World, operation: Any, ids: dict[str, str]) -> tuple[int, str]:
    """What `world` is answered about what `ids` name."""
    valid = REQUESTS.get(operation.operation_id, Valid())
    answer = world.api.client.get(
        f"/api{path_of(operation, ids, valid.of)}",
        params=valid.query(world),
        headers={"Authorization": f"Bearer {world.token}"},
    )
    return answer.status_code, answer.text


@pytest.mark.parametrize("operation", READS, ids=lambda o: o.operation_id)
def test_nothing_of_one_workspace_appears_in_another(
    worlds: tuple[World, World], operation: Any
) -> None:
    for mine, other in (worlds, worlds[::-1]):
        status, text = asked(mine, operation, mine.ids)
        assert status == 200 or operation.operation_id in PEOPLES
        foreign = [name for name in OWN & other.ids.keys() if other.ids[name] in text]
        assert foreign == []
        assert f"@{other.name}.example" not in text


@pytest.mark.parametrize(
    "operation",
    [o for o in READS if ADDRESSED & _parameters(o)],
    ids=lambda o: o.operation_id,
)
def test_what_belongs_to_another_workspace_is_not_found(
    worlds: tuple[World, World], operation: Any
) -> None:
    for mine, other in (worlds, worlds[::-1]):
        assert asked(mine, operation, other.ids)[0] == 404


def test_a_slug_means_what_the_callers_workspace_calls_so(worlds: tuple[World, World]) -> None:
    for world in worlds:
        shown = world.api.client.get(
            "/api/sources/shop", headers={"Authorization": f"Bearer {world.token}"}
        )
        assert world.ids["shop"] in shown.text


def test_a_token_is_a_stranger_wherever_it_was_not_made(worlds: tuple[World, World]) -> None:
    first, second = worlds
    headers = {
        "Authorization": f"Bearer {first.token}",
        "X-Crossdock-Workspace": second.ids["workspace_id"],
    }
    shown = first.api.client.get("/api/", headers=headers).json()["data"]["workspace"]
    assert shown["id"] == first.ids["workspace_id"]


def test_a_person_of_both_has_in_each_only_the_roles_of_that_one(
    worlds: tuple[World, World],
) -> None:
    first, second = worlds
    control = first.api.control
    ann = Principal(kind="person", id=first.ids["user_id"], name="", email="ann@first.example")
    body = {
        "permissions": [
            {
                "roleId": "source-admin",
                "resources": [{"id": first.ids["workspace_id"], "type": "WORKSPACE"}],
            }
        ]
    }
    status, _ = first.api.call("POST", f"/users/{ann.id}/permissions", body, token=first.token)
    assert status == 200
    control.database.transact(
        lambda c: c.execute(
            insert(members).values(
                workspace_id=second.ids["workspace_id"], person_id=ann.id, joined_ms=1
            )
        )
    )
    seen = {
        world.name: len(
            control.read(list_sources, workspace=world.ids["workspace_id"], principal=ann)
        )
        for world in worlds
    }
    assert seen == {"first": 2, "second": 0}
