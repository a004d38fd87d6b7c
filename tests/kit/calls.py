"""What each SDK is asked to send, once for all of them, and what must arrive."""

from typing import Any

SENT_BY_ALL = ("identify", "track", "page", "screen", "group", "alias")

PROPERTIES: dict[str, Any] = {
    "orderId": "1042",
    "total": 42.5,
    "count": 3,
    "paid": True,
    "note": "naïve ☕ 'quoted' \"twice\"",
    "big": 9007199254740991,
    "products": [{"sku": "A-1", "quantity": 2}, {"sku": "B-2", "quantity": 1}],
    "nested": {"a.b": 1, "deep": {"er": [1, 2, 3]}},
}
TRAITS: dict[str, Any] = {
    "email": "ada@example.com",
    "plan": "pro",
    "address": {"city": "Bern", "postalCode": "3000"},
}
COMPANY: dict[str, Any] = {"name": "Initech", "employees": 329}


def calls_for(user: str) -> list[dict[str, Any]]:
    """One call of each kind, in the words of the SDKs that take one object."""
    return [
        {"type": "identify", "userId": user, "traits": TRAITS},
        {"type": "track", "userId": user, "event": "Order Completed", "properties": PROPERTIES},
        {"type": "page", "userId": user, "name": "Home", "properties": {"section": "shop"}},
        {"type": "screen", "userId": user, "name": "Basket", "properties": {"items": 2}},
        {"type": "group", "userId": user, "groupId": f"company-{user}", "traits": COMPANY},
        {"type": "alias", "userId": user, "previousId": f"before-{user}"},
    ]


def check_arrived(events: list[dict[str, Any]], user: str, types: tuple[str, ...]) -> None:
    """`events` of `user` are one of each of `types`, with every field as it was given."""
    by_type = {event["type"]: event for event in events}
    assert sorted(event["type"] for event in events) == sorted(types)
    for call in (c for c in calls_for(user) if c["type"] in types):
        event = by_type[call["type"]]
        _same_fields(event, call)
        assert event["messageId"], "every event has an id"
        for stamp in ("timestamp", "receivedAt", "originalTimestamp"):
            assert len(event[stamp]) == len("2026-11-23T12:06:26.673Z"), (stamp, event[stamp])
        assert event["context"]["library"]["name"]
        assert "writeKey" not in event


def _same_fields(event: dict[str, Any], call: dict[str, Any]) -> None:
    for name, value in call.items():
        if isinstance(value, dict):
            got = event[name]
            assert {k: got.get(k) for k in value} == value, (event["type"], name)
        else:
            assert event[name] == value, (event["type"], name)
