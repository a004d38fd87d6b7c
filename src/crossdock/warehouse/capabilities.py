"""What each warehouse engine can do, as data: plans and SQL are made from this alone."""

from dataclasses import dataclass, field

from crossdock.warehouse.types import Kind


@dataclass(frozen=True, slots=True)
class Capabilities:
    """One engine.

    identifier_bytes_max  longest name of a schema, table or column
    columns_max           columns a table may have, those dropped in the past included
    cells_max             values one row may hold (None: any number), so that it fits a page
    key_bytes_max         longest id of an upserted row (None: any)
    reserved              names that must not be columns or tables even in quotes
    types                 the engine's type for each kind of ours
    widens                pairs of kinds whose change is an ALTER in place
    nul_in_text           may text hold U+0000
    known_days            look for known ids among rows received at most so many days before the
                          batch (None: in the whole table, which an index on `id` makes cheap)
    key_index             whether tables get a primary key on `id`
    load_events_max       events in one transaction
    """

    engine: str
    identifier_bytes_max: int
    columns_max: int
    cells_max: int | None
    key_bytes_max: int | None
    types: dict[Kind, str]
    widens: frozenset[tuple[Kind, Kind]]
    nul_in_text: bool
    known_days: int | None
    key_index: bool
    load_events_max: int
    reserved: frozenset[str] = field(default_factory=frozenset)


_ALL_WIDENINGS = frozenset(
    (was, becomes)
    for was, becomes in (
        (Kind.INTEGER, Kind.FLOAT),
        *((kind, Kind.STRING) for kind in Kind if kind is not Kind.STRING),
    )
)

DUCKDB = Capabilities(
    engine="duckdb",
    identifier_bytes_max=255,
    columns_max=10_000,
    cells_max=None,
    key_bytes_max=None,
    types={
        Kind.BOOLEAN: "BOOLEAN",
        Kind.INTEGER: "BIGINT",
        Kind.LONG: "BIGINT",
        Kind.FLOAT: "DOUBLE",
        Kind.TIMESTAMP: "TIMESTAMP WITH TIME ZONE",
        Kind.STRING: "VARCHAR",
    },
    widens=_ALL_WIDENINGS,
    nul_in_text=True,
    known_days=2,
    key_index=False,
    load_events_max=150_000,
)

POSTGRES = Capabilities(
    engine="postgres",
    identifier_bytes_max=63,
    columns_max=1_600,
    cells_max=400,  # 8,160 bytes a row; a value takes at most 20 of them, the rest is toasted
    key_bytes_max=2_000,  # a B-tree entry is at most 2,704 bytes
    types={
        Kind.BOOLEAN: "boolean",
        Kind.INTEGER: "bigint",
        Kind.LONG: "bigint",
        Kind.FLOAT: "double precision",
        Kind.TIMESTAMP: "timestamp with time zone",
        Kind.STRING: "text",
    },
    widens=_ALL_WIDENINGS,
    nul_in_text=False,
    known_days=None,
    key_index=True,
    load_events_max=50_000,
    reserved=frozenset({"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"}),
)
