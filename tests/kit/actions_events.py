"""Canonical events, and settings as people would give them: made up, in a form vendors take."""

import re
from typing import Any

from crossdock.catalog.actions.manifest import ActionsDestination, Field
from crossdock.catalog.actions.messages import Auth

AUTH = Auth(access_token="access-token-1", refresh_token="refresh-token-1")
AT = "2026-08-20T10:00:00.000Z"
PRODUCT = {
    "product_id": "sku-1",
    "sku": "sku-1",
    "name": "Mug",
    "brand": "Acme",
    "category": "Kitchen",
    "variant": "blue",
    "price": 12.5,
    "quantity": 2,
    "coupon": "SPRING",
    "position": 1,
    "url": "https://shop.example.com/mug",
    "image_url": "https://shop.example.com/mug.png",
}
ORDER = {
    "order_id": "order-1",
    "checkout_id": "checkout-1",
    "total": 30,
    "subtotal": 25,
    "revenue": 25,
    "value": 30,
    "tax": 3,
    "shipping": 2,
    "discount": 1,
    "currency": "EUR",
    "coupon": "SPRING",
    "email": "ada@example.com",
    "products": [PRODUCT, {**PRODUCT, "product_id": "sku-2", "sku": "sku-2", "name": "Plate"}],
}
PAGE = {
    "path": "/pricing",
    "referrer": "https://news.example.com/",
    "search": "?utm_source=n",
    "title": "Pricing",
    "url": "https://shop.example.com/pricing?utm_source=n",
}
PERSON = {
    "email": "ada@example.com",
    "phone": "+33612345678",
    "first_name": "Ada",
    "last_name": "Lovelace",
}
TRAITS = {
    **PERSON,
    "firstName": "Ada",
    "lastName": "Lovelace",
    "name": "Ada Lovelace",
    "plan": "pro",
    "company": {"id": "acme", "name": "Acme"},
    "createdAt": "2026-01-02T03:04:05.000Z",
    "address": {
        "street": "1 rue X",
        "city": "Paris",
        "state": "IDF",
        "postalCode": "75001",
        "country": "FR",
    },
    "birthday": "1990-01-01",
    "gender": "f",
    "website": "https://ada.example.com",
    "title": "CTO",
}
CONTEXT = {
    "ip": "203.0.113.7",
    "userAgent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 "
    "(KHTML, like Gecko) Chrome/126.0 Safari/537.36",
    "locale": "en-GB",
    "timezone": "Europe/Paris",
    "library": {"name": "analytics.js", "version": "2.11.1"},
    "page": PAGE,
    "campaign": {"name": "spring", "source": "n", "medium": "email"},
    "traits": PERSON,
    "device": {
        "id": "device-1",
        "type": "ios",
        "advertisingId": "7A3CBEA0-BDF5-11E4-8DFC-AA07A5B093DB",
        "token": "push-token-1",
        "adTrackingEnabled": True,
        "model": "iPhone14,2",
        "manufacturer": "Apple",
    },
    "app": {"name": "Shop", "version": "3.2.1", "namespace": "com.example.shop", "build": "321"},
    "os": {"name": "iOS", "version": "17.1"},
    "screen": {"width": 390, "height": 844, "density": 3},
    "network": {"carrier": "Orange", "wifi": True},
    "groupId": "acme",
}


def _event(number: int, **more: Any) -> dict[str, Any]:
    return {
        "messageId": f"message-{number:04}",
        "anonymousId": "anonymous-9",
        "userId": "user-42",
        "timestamp": AT,
        "sentAt": "2026-08-20T10:00:00.500Z",
        "receivedAt": "2026-08-20T10:00:01.000Z",
        "originalTimestamp": AT,
        "context": CONTEXT,
        "integrations": {},
        **more,
    }


COMMERCE = (
    "Product Added",
    "Product Viewed",
    "Products Searched",
    "Checkout Started",
    "Cart Viewed",
    "Product List Viewed",
    "Payment Info Entered",
    "Promotion Viewed",
    "Product Clicked",
    "Product Added to Wishlist",
    "Order Refunded",
    "Product Removed",
)
SHOPPED = {**ORDER, **PRODUCT, "list_id": "list-1", "query": "mug", "promotion_id": "promo-1"}
EVENTS: tuple[dict[str, Any], ...] = (
    _event(1, type="identify", traits=TRAITS),
    _event(
        2,
        type="track",
        event="Signed Up",
        properties={**PRODUCT, "plan": "pro", "revenue": 19.9, "value": 19.9, "currency": "EUR"}
        | {"email": "ada@example.com", "products": [PRODUCT]},
    ),
    _event(3, type="track", event="Order Completed", properties=ORDER),
    _event(
        4,
        type="page",
        name="Pricing",
        category="Marketing",
        properties={**PAGE, "name": "Pricing", "category": "Marketing"},
    ),
    _event(5, type="screen", name="Home", properties={"name": "Home"}),
    _event(
        6,
        type="group",
        groupId="acme",
        traits={"name": "Acme", "industry": "Tools", "employees": 12, "plan": "pro"}
        | {"website": "https://acme.example.com", "email": "hi@acme.example.com"},
    ),
    _event(7, type="alias", previousId="anonymous-9"),
    *(
        _event(20 + n, type="track", event=name, properties=SHOPPED)
        for n, name in enumerate(COMMERCE)
    ),
)

FORMS: dict[str, dict[str, Any]] = {
    "actions-google-analytics-4": {"measurementId": "G-ABC123"},
    "actions-salesforce": {"instanceUrl": "https://acme.my.salesforce.com"},
    "actions-singlestore": {"host": "vendor.example.com"},
    "actions-slack": {"webhook_url": "https://hooks.slack.com/services/T0/B0/X0"},
    "actions-snap-conversions": {"pixel_id": "pixel-1"},
    "actions-zapier": {"hook_url": "https://hooks.zapier.com/hooks/catch/1/2/"},
}
"""Where a made-up word has the wrong form, or one of several optional settings must be there."""


def settings_of(destination: ActionsDestination) -> dict[str, Any]:
    """What is required, and what has a default."""
    made = {
        field.name: _made_up(field)
        for field in destination.settings
        if field.required or field.default not in (None, "")
    }
    return made | FORMS.get(destination.slug, {})


def _made_up(field: Field) -> Any:
    if field.default not in (None, ""):
        return field.default
    if field.choices:
        return field.choices[0].value
    if field.type in ("number", "integer"):
        return 1
    if field.type == "boolean":
        return False
    about = f"{field.name} {field.label}".lower()
    if re.search(r"url|endpoint|host", about):
        return "https://vendor.example.com"
    if "domain" in about:
        return "vendor.example.com"
    return f"made-up-{re.sub('[^a-z]', '', field.name.lower())}"


def auth_of(destination: ActionsDestination) -> Auth | None:
    return AUTH if destination.auth.scheme in ("oauth2", "oauth-managed") else None
