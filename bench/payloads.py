"""The events that the load generators send: one kilobyte each, as a browser's track call is."""

import json
from typing import Any


def event(message_id: str, user: str = "user-1042") -> dict[str, Any]:
    return {
        "type": "track",
        "messageId": message_id,
        "userId": user,
        "event": "Product Viewed",
        "properties": {
            "product_id": "507f1f77bcf86cd799439011",
            "sku": "G-32",
            "category": "Games",
            "name": "Monopoly: 3rd Edition",
            "brand": "Hasbro",
            "price": 18.99,
            "quantity": 1,
            "currency": "USD",
            "tags": ["family", "board", "classic"],
            "url": "https://shop.example.com/product/path",
        },
        "context": {
            "ip": "203.0.113.7",
            "library": {"name": "analytics.js", "version": "next-1.84.3"},
            "locale": "en-US",
            "timezone": "Europe/Zurich",
            "page": {
                "path": "/product/path",
                "referrer": "https://www.example.com/search?q=monopoly",
                "search": "?utm_source=news",
                "title": "Monopoly: 3rd Edition",
                "url": "https://shop.example.com/product/path?utm_source=news",
            },
            "userAgent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
            "Chrome/140.0.0.0 Safari/537.36",
        },
        "timestamp": "2026-11-23T12:06:26.673Z",
        "originalTimestamp": "2026-11-23T12:06:26.673Z",
    }


def single() -> bytes:
    return json.dumps(event("bench-00000000-0000-4000-8000-000000000000")).encode()


def batch(events: int = 100, first: int = 0, users: int = 1000) -> bytes:
    """One batch body; ids are `bench-<n>` from `first` on."""
    made = [event(f"bench-{n:036d}", f"user-{n % users}") for n in range(first, first + events)]
    return json.dumps({"batch": made, "sentAt": "2026-11-23T12:06:27.000Z"}).encode()
