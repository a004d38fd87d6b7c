"""A small shop's visitors, each a little story told through Segment's SDK for Python."""

import random
import threading
from collections.abc import Iterator
from typing import Any

from segment.analytics.client import Client

PRODUCTS = (
    ("G-32", "Monopoly", 18.99),
    ("G-41", "Chess set", 42.50),
    ("B-07", "A Room of One's Own", 9.90),
    ("T-11", "Assam, 250 g", 12.00),
    ("T-12", "Sencha, 100 g", 14.50),
)
CITIES = ("Bern", "Lyon", "Porto", "Ghent", "Turin")
PLANS = ("free", "pro", "team")
PAUSE_S = (0.05, 0.4)


class Shop(threading.Thread):
    """Visitors come one after another until `stop` is set."""

    def __init__(self, url: str, write_key: str, seed: int = 7) -> None:
        super().__init__(name="shop", daemon=True)
        self.stopped = threading.Event()
        self.failed = 0
        self._rng = random.Random(seed)  # noqa: S311 - stories, not secrets
        self._client = Client(write_key, host=url, on_error=self._count_failure)

    def run(self) -> None:
        number = 0
        while not self.stopped.is_set():
            number += 1
            for call, words in self._visit(f"visitor-{number % 400}"):
                getattr(self._client, call)(**words)
                if self.stopped.wait(self._rng.uniform(*PAUSE_S)):
                    break
        self._client.shutdown()

    def stop(self) -> None:
        """Returns when the SDK has sent what it had."""
        self.stopped.set()
        self.join(10)

    def _count_failure(self, *_: Any) -> None:
        self.failed += 1

    def _visit(self, user: str) -> Iterator[tuple[str, dict[str, Any]]]:
        rng = self._rng
        yield "page", {"user_id": user, "name": "Home", "properties": {"path": "/"}}
        if rng.random() < 0.4:
            traits = {
                "email": f"{user}@example.com",
                "plan": rng.choice(PLANS),
                "address": {"city": rng.choice(CITIES)},
            }
            yield "identify", {"user_id": user, "traits": traits}
        basket = rng.sample(PRODUCTS, rng.randint(1, 3))
        for sku, name, price in basket:
            seen = {"sku": sku, "name": name, "price": price}
            yield "track", {"user_id": user, "event": "Product Viewed", "properties": seen}
        if rng.random() < 0.5:
            order = {
                "order_id": f"{rng.randrange(10**6):06d}",
                "total": round(sum(price for _, _, price in basket), 2),
                "currency": "EUR",
                "products": [{"sku": sku, "quantity": 1} for sku, _, _ in basket],
            }
            yield "track", {"user_id": user, "event": "Order Completed", "properties": order}
        if rng.random() < 0.1:
            company = f"company-{rng.randrange(20)}"
            yield "group", {"user_id": user, "group_id": company, "traits": {"name": company}}
