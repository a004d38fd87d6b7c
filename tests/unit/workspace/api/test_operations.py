"""The list of operations that work is the truth, held against Segment's own client."""

import re

from tests.kit.public_api import segments_operations

from crossdock.workspace.api.document import OURS, document
from crossdock.workspace.api.not_yet import NOT_YET


def _built() -> dict[str, tuple[str, str, bool]]:
    """Operation -> method, path with `{}`, whether it is an addition of ours."""
    return {
        operation["operationId"]: (
            method.upper(),
            re.sub(r"\{\w+\}", "{}", path.removeprefix("/api")) or "/",
            OURS in operation.get("tags", []),
        )
        for path, operations in document()["paths"].items()
        for method, operation in operations.items()
    }


def test_each_of_segments_operations_is_built_or_said_to_be_missing_and_never_both() -> None:
    theirs = segments_operations()
    built = {name: found[:2] for name, found in _built().items() if not found[2]}
    missing = {
        found.id: (found.method, re.sub(r"\{[\w:]+\}", "{}", found.path)) for found in NOT_YET
    }
    assert built.keys() & missing.keys() == set()
    assert built | missing == theirs


def test_no_addition_of_ours_takes_a_request_of_segments() -> None:
    ours = {found[:2] for found in _built().values() if found[2]}
    assert ours & set(segments_operations().values()) == set()


def test_every_operation_says_what_it_does() -> None:
    off = [
        operation["operationId"]
        for operations in document()["paths"].values()
        for operation in operations.values()
        if not operation.get("summary") or not operation.get("description")
    ]
    assert off == []
