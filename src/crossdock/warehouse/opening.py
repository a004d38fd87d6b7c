"""From a warehouse as the snapshot has it to an open sink: settings checked, secrets opened,
addresses vetted. Engines are imported only here, when they are used."""

from crossdock.base.addresses import AddressGuard
from crossdock.base.datafolder import DataFolder
from crossdock.base.errors import Misconfigured
from crossdock.base.secrets import SecretBox
from crossdock.base.settings import Settings
from crossdock.base.snapshot import SourceView, WarehouseView
from crossdock.catalog.cards import warehouse_cards
from crossdock.warehouse.capabilities import DUCKDB, POSTGRES, Capabilities
from crossdock.warehouse.failures import Notice, notice_of
from crossdock.warehouse.names import identifier, snake
from crossdock.warehouse.sinks.contract import Sink

CAPABILITIES: dict[str, Capabilities] = {"duckdb": DUCKDB, "postgres": POSTGRES}


def open_sink(
    warehouse: WarehouseView, secrets: SecretBox, folder: DataFolder, settings: Settings
) -> Sink:
    """Raises Misconfigured (settings), Retryable (locked, address refused, no such host) or the
    engine's own error; `failures.notice_of` makes a notice of each."""
    card = warehouse_cards().get(warehouse.type)
    if card is None or warehouse.type not in CAPABILITIES:
        known = ", ".join(sorted(CAPABILITIES))
        raise Misconfigured(f"warehouse type is {warehouse.type!r}: expected one of {known}")
    values = card.check(secrets.open_all(warehouse.settings))
    if warehouse.type == "duckdb":
        from crossdock.warehouse.sinks.duckdb import DuckDBSink, path_of

        return DuckDBSink(path_of(values, warehouse.slug, folder))
    from crossdock.warehouse.sinks import postgres

    guard = AddressGuard(settings.allowed_addresses, allow_private=settings.allow_private_addresses)
    return postgres.open_sink(values, guard, warehouse.id)


def schemas_of(warehouse: WarehouseView, sources: dict[str, SourceView]) -> dict[str, str]:
    """Schema name by the id of each connected source that still exists.

    Raises Misconfigured where two sources would share a schema.
    """
    capabilities = CAPABILITIES[warehouse.type]
    schemas: dict[str, str] = {}
    for source_id in warehouse.sources:
        source = sources.get(source_id)
        if source is not None:
            name = source.schema_name or snake(source.slug) or "source"
            schemas[source_id] = identifier(name, capabilities)
    for schema in schemas.values():
        sharing = [sources[s].slug for s, name in schemas.items() if name == schema]
        if len(sharing) > 1:
            raise Misconfigured(
                f"sources {', '.join(sharing)} have the same schema_name {schema!r}: "
                "each needs its own"
            )
    return schemas


def check_connection(
    warehouse: WarehouseView, secrets: SecretBox, folder: DataFolder, settings: Settings
) -> tuple[str, Notice | None]:
    """(engine and version, None) where a load could begin, ("", what to do) where not.

    Makes our own schema there, so that missing rights show now.
    """
    try:
        sink = open_sink(warehouse, secrets, folder, settings)
    except Exception as error:
        return "", notice_of(error)
    try:
        sink.prepare(())
        return sink.version(), None
    except Exception as error:
        return "", notice_of(error)
    finally:
        sink.close()
