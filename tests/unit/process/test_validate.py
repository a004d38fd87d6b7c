"""Segment's rules with Segment's codes: each with an event that breaks it and one that does not."""

from typing import Any

import msgspec
import pytest

from crossdock.base.reasons import REASONS
from crossdock.process.validate import DEPTH_MAX, is_too_deep, reason_against

USER = {"userId": "u"}


@pytest.mark.parametrize(
    ("kind", "event", "reason"),
    [
        ("track", {"event": "x"}, "no_user_anon_id"),
        ("track", {"event": "x", "userId": "", "anonymousId": ""}, "no_user_anon_id"),
        ("track", {"event": "x", "userId": None}, "no_user_anon_id"),
        ("track", {"event": "x", "userId": 5}, "id_not_string"),
        ("track", {"event": "x", "userId": 0}, "id_not_string"),
        ("track", {"event": "x", "userId": False}, "id_not_string"),
        ("track", {"event": "x", "userId": "u", "anonymousId": {}}, "id_not_string"),
        ("track", {**USER, "event": "x", "messageId": 5}, "id_not_string"),
        ("track", {**USER, "event": "x", "messageId": "m" * 101}, "message_id_too_long"),
        ("track", {**USER}, "event_not_defined"),
        ("track", {**USER, "event": ""}, "event_not_defined"),
        ("track", {**USER, "event": None}, "event_not_defined"),
        ("track", {**USER, "event": 5}, "event_not_string"),
        ("track", {**USER, "event": "x", "properties": []}, "properties_not_object"),
        ("track", {**USER, "event": "x", "properties": ""}, "properties_not_object"),
        ("page", {**USER, "properties": "x"}, "properties_not_object"),
        ("page", {**USER, "name": ""}, "name_not_string"),
        ("page", {**USER, "name": 5}, "name_not_string"),
        ("screen", {**USER, "name": "x", "category": {}}, "category_not_string"),
        ("identify", {**USER, "traits": []}, "traits_not_object"),
        ("group", {**USER, "groupId": "g", "traits": 1}, "traits_not_object"),
        ("group", {**USER}, "id_required"),
        ("group", {**USER, "groupId": ""}, "id_required"),
        ("group", {**USER, "groupId": 5}, "id_not_string"),
        ("alias", {"anonymousId": "a"}, "id_required"),
        ("alias", {**USER, "previousId": 5}, "id_not_string"),
        ("track", {**USER, "event": "x", "context": []}, "context_not_object"),
        ("track", {**USER, "event": "x", "integrations": True}, "integrations_not_object"),
        ("", {**USER}, "type_unknown"),
        ("Track", {**USER, "event": "x"}, "type_unknown"),
        ("delete", {**USER}, "type_unknown"),
    ],
)
def test_a_broken_rule_has_its_reason(kind: str, event: dict[str, Any], reason: str) -> None:
    assert reason_against(event, kind) == reason
    assert REASONS[reason].stage == "ingest"


@pytest.mark.parametrize(
    ("kind", "event"),
    [
        ("track", {"event": "x", "userId": "u"}),
        ("track", {"event": "x", "userId": None, "anonymousId": "a"}),
        ("track", {"event": "x", "userId": "", "anonymousId": "a"}),
        ("track", {**USER, "event": "x", "properties": None, "context": None, "traits": 5}),
        ("track", {**USER, "event": "x", "messageId": "m" * 100}),
        ("track", {**USER, "event": "x", "messageId": ""}),
        ("identify", {**USER, "traits": None}),
        ("page", {"anonymousId": "a"}),
        ("page", {"anonymousId": "a", "name": None, "category": None}),
        ("screen", {"anonymousId": "a", "name": "x", "category": "y"}),
        ("group", {"anonymousId": "a", "groupId": "g"}),
        ("alias", {**USER}),
        ("alias", {**USER, "previousId": "p"}),
        ("merge", {"mergeProperties": []}),
    ],
)
def test_what_breaks_none_is_accepted(kind: str, event: dict[str, Any]) -> None:
    assert reason_against(event, kind) == ""


@pytest.mark.parametrize(("opening", "closing"), [('{"a":', "}"), ("[", "]")])
def test_nesting_has_a_limit(opening: str, closing: str) -> None:
    def nested(levels: int) -> bool:
        inner = opening * (levels - 1) + "1" + closing * (levels - 1)
        raw = f'{{"a":{inner}}}'.encode()
        return is_too_deep(raw, msgspec.json.decode(raw))

    assert not nested(DEPTH_MAX)
    assert nested(DEPTH_MAX + 1)


def test_many_brackets_are_not_depth() -> None:
    raw = b'{"a":[' + b",".join([b'{"b":[1]}'] * 500) + b"]}"
    assert not is_too_deep(raw, msgspec.json.decode(raw))
