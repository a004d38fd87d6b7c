"""Whatever the API's document allows is answered without a server error, as the document says."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance
from tests.unit.workspace.api.world import World, two_worlds
from tests.unit.workspace.api_kit import api_kit

from crossdock.workspace.api.document import document

SLOW = {"createValidationInWarehouse", "getConnectionStateFromWarehouse", "echo"}
"""They wait for whatever address they are given, or as long as they are told: tests of their own
try them."""
OPERATIONS = [
    (method.upper(), path, operation["operationId"])
    for path, operations in document()["paths"].items()
    for method, operation in operations.items()
    if operation["operationId"] not in SLOW
]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with api_kit(tmp_path_factory.mktemp("api")) as kit:
        yield two_worlds(kit)[0]


@pytest.fixture(scope="module")
def schema(world: World) -> Any:
    return schemathesis.openapi.from_asgi("/api/openapi.json", world.api.client.app)


@pytest.mark.parametrize(("method", "path", "name"), OPERATIONS, ids=lambda value: value)
def test_no_request_makes_the_server_fail(
    schema: Any, world: World, method: str, path: str, name: str
) -> None:
    calls = 0

    @settings(
        max_examples=12,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=schema[path][method].as_strategy())
    def ask(case: Any) -> None:
        nonlocal calls
        calls += 1
        if calls % 2 and case.path_parameters:
            # Half of the requests are about something that is there.
            case.path_parameters |= {
                n: world.ids[n] for n in case.path_parameters if n in world.ids
            }
        answer = case.call(headers={"Authorization": f"Bearer {world.token}"})
        case.validate_response(answer, checks=[not_a_server_error, response_schema_conformance])

    ask()
    assert calls
