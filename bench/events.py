"""Realistic events, the same for the same seed: 20 event names, drifting types, 1 % sent again.

On the way a coupon code and a campaign member appear, `quantity` turns from whole numbers to
fractions, `zip` from numbers to text, `experiment` from text to an object.
"""

import random
import uuid
from collections.abc import Iterator
from typing import Any

import msgspec

from crossdock.base.clock import iso_ms

NAMES = (
    "Product Viewed", "Product Added", "Product List Viewed", "Product Removed", "Cart Viewed",
    "Checkout Started", "Payment Info Entered", "Order Completed", "Order Refunded",
    "Products Searched", "Coupon Applied", "Promotion Clicked", "Signed Up", "Signed In",
    "Trial Started", "subscriptionRenewed", "Invite Sent", "Feature Used", "Video Played",
    "Form Submitted",
)  # fmt: skip
_WEIGHTS = [1 / (n + 1) ** 0.6 for n in range(len(NAMES))]
_WORDS = (
    "amber", "birch", "cobalt", "dune", "ember", "fjord", "grove", "heath", "iris", "jade",
    "kelp", "linen", "moss", "north", "oak", "pearl", "quill", "reef", "slate", "thorn", "umber",
    "vale", "willow", "yarrow", "zinc",
)  # fmt: skip
_CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
_SAFARI = "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Safari/605.1.15"
_AGENTS = (
    f"Mozilla/5.0 (X11; Linux x86_64) {_CHROME}",
    f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {_SAFARI}",
    f"Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) {_SAFARI}",
)
START_MS = 1_790_000_000_000
STEP_MS = 10
"""100 events a second."""
TRAITS_SPAN_MS = 28 * 24 * 3600 * 1000
RECENT = 2_000


class Shop:
    """Makes one event after the other; `progress` runs from 0 to 1 over the stream."""

    def __init__(self, events: int, seed: int) -> None:
        self._random = random.Random(seed)
        self._events = events
        self._users = max(500, events // 12)
        self._groups = max(20, events // 400)

    def event(self, progress: float) -> dict[str, Any]:
        at_ms = START_MS + int(progress * self._events) * STEP_MS
        user = self._random.randrange(self._users)
        common = {
            "messageId": f"ajs-next-{self._id()}",
            "anonymousId": self._id(),
            "context": self._context(progress),
            "integrations": {},
            "timestamp": iso_ms(at_ms),
            "originalTimestamp": iso_ms(at_ms - 80),
            "sentAt": iso_ms(at_ms + 300),
            "receivedAt": iso_ms(at_ms + self._random.randrange(2_500)),
        }
        if self._random.random() < 0.6:
            common["userId"] = f"user-{user}"
        return common | self._call(progress, user)

    def _call(self, progress: float, user: int) -> dict[str, Any]:
        roll = self._random.random()
        if roll < 0.70:
            name = self._random.choices(NAMES, _WEIGHTS)[0]
            return {"type": "track", "event": name, "properties": self._about(name, progress)}
        if roll < 0.85:
            path = f"/{self._word()}/{self._word()}"
            page = {"path": path, "url": f"https://shop.example{path}", "title": self._word(),
                    "referrer": "https://search.example/", "search": ""}  # fmt: skip
            return {"type": "page", "name": self._word().title(), "category": self._word(),
                    "properties": page}  # fmt: skip
        if roll < 0.94:
            return {"type": "identify", "userId": f"user-{user}", "traits": self._traits(user)}
        if roll < 0.97:
            group = f"group-{self._random.randrange(self._groups)}"
            traits = {"name": self._word(), "industry": self._word(), "plan": "enterprise",
                      "employees": self._random.randrange(5, 5_000),
                      "spend": round(self._random.uniform(0, 9e4), 2)}  # fmt: skip
            return {"type": "group", "groupId": group, "traits": traits}
        if roll < 0.99:
            return {"type": "screen", "name": self._word().title(),
                    "properties": {"depth": self._random.randrange(9)}}  # fmt: skip
        return {"type": "alias", "userId": f"user-{user}", "previousId": self._id()}

    def _about(self, name: str, progress: float) -> dict[str, Any]:
        chance = self._random
        about: dict[str, Any] = {
            "category": self._word(),
            "label": f"{self._word()} {self._word()}",
            "value": chance.randrange(500),
            "isFirst": chance.random() < 0.2,
            "experiment": self._word()
            if progress < 0.8
            else {"name": self._word(), "variant": chance.choice("AB")},
        }
        if "Product" in name or "Cart" in name:
            count = chance.randrange(1, 5)
            about |= {"productId": self._id()[:8], "sku": f"SKU-{chance.randrange(99_999):05}",
                      "name": self._word(), "price": round(chance.uniform(1, 300), 2),
                      "quantity": count if progress < 0.6 else count / 4, "currency": "EUR",
                      "size": {"w": chance.randrange(40), "h": chance.randrange(40)}}  # fmt: skip
        elif "Order" in name or "Checkout" in name:
            postcode: Any = chance.randrange(10_000, 99_999)
            if progress >= 0.75:
                postcode = f"D-{postcode}"
            shipping = {"method": "ground", "city": self._word(), "zip": postcode}
            about |= {"orderId": self._id(), "total": round(chance.uniform(9, 900), 2),
                      "currency": "EUR", "products": [self._line() for _ in range(2)],
                      "shipping": shipping}  # fmt: skip
            if progress > 0.5:
                about["couponCode"] = self._word().upper()
        else:
            about |= {"plan": chance.choice(["free", "pro", "team"]), "score": chance.random(),
                      "durationMs": chance.randrange(100_000), "tags": chance.choices(_WORDS, k=2),
                      "flow": {"step": chance.randrange(5), "name": self._word()},
                      "startedAt": iso_ms(START_MS + chance.randrange(TRAITS_SPAN_MS))}  # fmt: skip
        return about

    def _context(self, progress: float) -> dict[str, Any]:
        chance = self._random
        path = f"/{self._word()}"
        context: dict[str, Any] = {
            "library": {"name": "analytics.js", "version": "npm:next-1.81.1"},
            "ip": f"203.0.{chance.randrange(256)}.{chance.randrange(256)}",
            "locale": chance.choice(["en-GB", "de-DE", "fr-FR"]),
            "timezone": chance.choice(["Europe/Berlin", "America/New_York"]),
            "userAgent": chance.choice(_AGENTS),
            "page": {"path": path, "url": f"https://shop.example{path}", "title": self._word(),
                     "referrer": "https://search.example/", "search": ""},
            "screen": {"width": 1920, "height": 1080, "density": chance.choice([1, 2])},
        }  # fmt: skip
        if chance.random() < 0.3:
            context["campaign"] = {"name": self._word(), "source": "news", "medium": "email"}
            if progress > 0.5:
                context["campaign"]["creative"] = self._word()
        if chance.random() < 0.3:
            context["app"] = {"name": "Shop", "version": "3.2.1", "build": "3210"}
            context["device"] = {"id": self._id(), "manufacturer": "Apple", "type": "ios",
                                 "adTrackingEnabled": False}  # fmt: skip
            context["os"] = {"name": "iOS", "version": "19.1"}
            context["network"] = {"wifi": True, "cellular": False, "carrier": "Example"}
        return context

    def _traits(self, user: int) -> dict[str, Any]:
        chance = self._random
        return {
            "email": f"user{user}@example.com", "firstName": self._word(),
            "lastName": self._word(), "plan": chance.choice(["free", "pro", "team"]),
            "age": chance.randrange(18, 90), "logins": chance.randrange(900),
            "createdAt": iso_ms(START_MS + chance.randrange(TRAITS_SPAN_MS)),
            "address": {"street": self._word(), "city": self._word(), "country": "DE",
                        "postalCode": f"{chance.randrange(10_000, 99_999)}"},
        }  # fmt: skip

    def _line(self) -> dict[str, Any]:
        return {"sku": f"SKU-{self._random.randrange(99_999):05}", "quantity": 1, "price": 9.5}

    def _word(self) -> str:
        return self._random.choice(_WORDS)

    def _id(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))


def events(count: int, seed: int = 7, again: float = 0.01) -> Iterator[bytes]:
    """`count` events as canonical JSON; a share `again` of them repeats one of the last 2,000."""
    shop, chance = Shop(count, seed), random.Random(seed + 1)
    recent: list[bytes] = []
    encode = msgspec.json.Encoder().encode
    for number in range(count):
        if recent and chance.random() < again:
            yield chance.choice(recent)
            continue
        event = encode(shop.event(number / count))
        if len(recent) < RECENT:
            recent.append(event)
        else:
            recent[chance.randrange(RECENT)] = event
        yield event


def write(path: str, count: int, seed: int = 7) -> None:
    """One event a line."""
    with open(path, "wb", buffering=1 << 20) as file:
        for event in events(count, seed):
            file.write(event + b"\n")


if __name__ == "__main__":
    import sys

    write(sys.argv[1], int(sys.argv[2]))
