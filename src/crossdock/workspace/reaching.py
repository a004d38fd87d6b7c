"""Whether a warehouse can be reached with settings that people give, or with those it has."""

from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, Literal, Protocol, TypeVar

import msgspec

from crossdock.base.ids import new_id
from crossdock.base.settings import Settings
from crossdock.base.snapshot import WarehouseView
from crossdock.catalog.cards import warehouse_cards
from crossdock.state.tables import warehouses
from crossdock.warehouse.probing import probe
from crossdock.workspace.access.roles import Level
from crossdock.workspace.control import Change, card_of, find_row, sealed_settings
from crossdock.workspace.merging import merged
from crossdock.workspace.views import View
from crossdock.workspace.warehouse_files import check_place

T = TypeVar("T")


class Transact(Protocol):
    """`Api.read` and `Api.change`."""

    def __call__(self, work: Callable[[Change], T]) -> Awaitable[T]: ...


class Reached(View, frozen=True):
    """`message` names the engine, or what went wrong; never a secret."""

    resource_type: ClassVar[str] = "WAREHOUSE"
    status: Literal["CONNECTED", "FAILED"]
    message: str
    remedy: str = ""
    code: str = ""


class Tried(msgspec.Struct, frozen=True):
    """A warehouse to connect to, its settings opened, and the secrets among them."""

    view: WarehouseView
    secrets: tuple[str, ...]


async def reach_given(
    read: Transact,
    change: Transact,
    settings: Settings,
    *,
    type_: str,
    given: dict[str, Any],
    reference: str | None = None,
) -> Reached:
    """With `given`, over the settings of the warehouse `reference` where there is one. Audited.

    Raises Misconfigured where the card refuses the settings, Busy where too many are tried.
    """

    def prepare(inside: Change) -> Tried:
        stored: dict[str, Any] = {}
        slug = "tried"
        if reference is None:
            inside.access.require("WAREHOUSE")
        else:
            row = find_row(inside, warehouses, "warehouse", reference, Level.ADMIN)
            stored = row["settings"] if row["type"] == type_ else {}
            slug = row["slug"]
        card = card_of(warehouse_cards(), "warehouse", type_)
        whole = merged(card, stored, given)
        check_place(inside, type_, slug, whole)
        return _tried(inside, type_, sealed_settings(inside, card, whole))

    reached = await _reach(await read(prepare), settings)

    def note(inside: Change) -> None:
        subject = reference or type_
        inside.audit("Storage Destination Settings Validation", subject, None, reached)

    await change(note)
    return reached


async def reach_stored(read: Transact, settings: Settings, reference: str) -> Reached:
    """With the settings it has."""

    def prepare(inside: Change) -> Tried:
        row = find_row(inside, warehouses, "warehouse", reference)
        return _tried(inside, row["type"], row["settings"], row["slug"])

    return await _reach(await read(prepare), settings)


def _tried(change: Change, type_: str, sealed: dict[str, Any], slug: str = "tried") -> Tried:
    card = card_of(warehouse_cards(), "warehouse", type_)
    opened = change.secrets.open_all(sealed)
    secrets = (str(opened[f.name]) for f in card.settings if f.secret and opened.get(f.name))
    # An id of its own: loads lock the warehouse under theirs, and must not meet this one.
    view = WarehouseView(
        id=new_id("try"),
        workspace=change.workspace,
        slug=slug,
        type=type_,
        name="",
        settings=opened,
    )
    return Tried(view, tuple(secrets))


async def _reach(tried: Tried, settings: Settings) -> Reached:
    answer = await probe(tried.view, settings, tried.secrets)
    if answer.notice is None:
        return Reached(status="CONNECTED", message=answer.engine)
    notice = answer.notice
    return Reached(status="FAILED", message=notice.message, remedy=notice.remedy, code=notice.code)
