"""What filters cost: one, fifty and a thousand, each by itself and all in one function.

Run: .venv/bin/python bench/fql.py
"""

import sys
import time
from collections.abc import Callable
from typing import Any

from crossdock.base.fql.compiled import _compiled, compile_filter
from crossdock.base.fql.fused import compile_many

SHAPES = (
    'type = "track" and event = "Event {n}"',
    'type = "track" and event = "Event {n}" and properties.revenue > {n}',
    'type = "identify" and traits.plan = "plan {n}"',
    'event = "Order Completed" and properties.revenue >= {n}',
    '!contains(context.library.name, "lib{n}") and type in ["page", "screen"]',
    'type = "track" and match(properties.url, "https://shop*/p/{n}*")',
    'properties.sku != "sku {n}" and type = "track"',
    'contains(event, "Event {n}") or traits.email = "user{n}@example.com"',
)
EVENT: dict[str, Any] = {
    "type": "track",
    "event": "Order Completed",
    "messageId": "m-1",
    "userId": "u-1",
    "anonymousId": "a-1",
    "properties": {
        "revenue": 25.5,
        "url": "https://shop.example.com/p/17",
        "sku": "sku 3",
        "products": [{"sku": "a", "price": 9.5}],
    },
    "context": {"library": {"name": "analytics.js", "version": "2.1.0"}, "ip": "192.0.2.1"},
    "timestamp": "2026-11-23T12:06:26.673Z",
}
TRIGGERS = SHAPES[:3]


def made(shapes: tuple[str, ...], count: int) -> list[str]:
    return [shapes[n % len(shapes)].format(n=n) for n in range(count)]


def us(function: Callable[[dict[str, Any]], Any], budget_s: float = 0.3) -> float:
    """The best of five windows, microseconds a call."""
    best = float("inf")
    for _ in range(5):
        calls = 0
        started = now = time.perf_counter()
        while now - started < budget_s / 5:
            for _ in range(20):
                function(EVENT)
            calls += 20
            now = time.perf_counter()
        best = min(best, (now - started) / calls * 1e6)
    return best


def row(name: str, filters: list[str]) -> str:
    started = time.perf_counter()
    fused = compile_many(filters)
    made_ms = (time.perf_counter() - started) * 1e3
    single = [compile_filter(source) for source in filters]

    def separately(event: dict[str, Any]) -> list[int]:
        return [n for n, predicate in enumerate(single) if predicate(event)]

    assert fused(EVENT) == separately(EVENT)
    apart, together = us(separately), us(fused)
    return (
        f"{name:34} {len(filters):5} {apart:12.2f} {together:12.2f} {apart / together:8.1f} "
        f"{made_ms:10.1f} {len(fused(EVENT)):8}"
    )


def main() -> None:
    out = sys.stdout.write
    out(f"{'one filter':58} us an event\n")
    for source in (*SHAPES, 'event = "Order Completed"'):
        out(f"{source.format(n=7):58} {us(compile_filter(source.format(n=7))):.3f}\n")
    started = time.perf_counter()
    for n in range(200):
        _compiled.__wrapped__(f'type = "track" and event = "E{n}"', True)
    out(f"making one filter: {(time.perf_counter() - started) / 200 * 1e3:.2f} ms\n\n")
    out(
        f"{'many filters':34} {'count':>5} {'apart us':>12} {'fused us':>12} {'ratio':>8} "
        f"{'made ms':>10} {'matches':>8}\n"
    )
    for count in (1, 10, 50, 1000):
        out(row("triggers (type and name)", made(TRIGGERS, count)) + "\n")
    for count in (50, 1000):
        out(row("mixed, an eighth not to be filed", made(SHAPES, count)) + "\n")
    out(row("all the same", [SHAPES[0]] * 1000) + "\n")
    out(row("worst: none can be filed", made(SHAPES[7:], 1000)) + "\n")


if __name__ == "__main__":
    main()
