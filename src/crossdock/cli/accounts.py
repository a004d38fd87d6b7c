"""`crossdock ledger` and `crossdock trace`: what became of all events, and of one."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crossdock.base.datafolder import DataFolder
from crossdock.base.settings import Settings
from crossdock.cli.exits import CHECK_FAILED, OK, REFUSED
from crossdock.cli.options import Config, Data, Json, Workspace, opened, settings_of
from crossdock.cli.output import print_json, print_pairs, print_table

if TYPE_CHECKING:
    from crossdock.base.snapshot import Snapshot
    from crossdock.deliver.ledger import Balance, Fault
    from crossdock.deliver.trace import Fate, Trace
    from crossdock.workspace.control import Control

_SOURCE_TERMS = (
    "received",
    "accepted",
    "rejected",
    "duplicate",
    "suppressed",
    "blocked",
    "unprocessed",
)
_READER_TERMS = ("read", "delivered", "filtered", "dead", "retrying", "unread")
FAULTS_SHOWN = 50


def register(program: typer.Typer) -> None:
    program.command("ledger")(ledger)
    program.command("trace")(trace)


def ledger(
    hours: Annotated[
        float | None, typer.Option("--hours", min=0, help="Only the last so many hours.")
    ] = None,
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Every event accounted for: received = accepted + rejected + duplicate + suppressed +
    blocked + unprocessed; read = delivered + filtered + dead + retrying. Ends with 1 where a
    minute does not balance, naming it."""
    import asyncio

    settings = settings_of(data, config)
    with opened(data, config) as control:
        since_ms = 0 if hours is None else control.clock.now_ms() - int(hours * 3_600_000)
        snapshot = _snapshot(control)
        balance = asyncio.run(_balance(settings, control, snapshot, since_ms))
    if as_json:
        print_json({"balanced": balance.balanced, **camel(balance)})
    else:
        _print_balance(balance, _names(snapshot))
    raise typer.Exit(OK if balance.balanced else CHECK_FAILED)


def trace(
    message_id: Annotated[str, typer.Argument(metavar="MESSAGE_ID", help="As the SDK sent it.")],
    workspace: Workspace = None,
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """One event on its way: received, processed, and its fate at each destination.

    Ends with 4 where no event with this id is kept.
    """
    import asyncio

    settings = settings_of(data, config)
    with opened(data, config) as control:
        owner = control.read(lambda c: c.workspace, workspace=workspace)
        snapshot = _snapshot(control)
        found = asyncio.run(_trace(settings, control, snapshot, owner, message_id))
    if as_json:
        print_json(camel(found))
    else:
        _print_trace(found, _names(snapshot))
    raise typer.Exit(OK if found.occurrences else REFUSED)


async def _balance(
    settings: Settings, control: "Control", snapshot: "Snapshot", since_ms: int
) -> "Balance":
    from crossdock.deliver.ledger import balance
    from crossdock.log.opening import open_file_log

    log = open_file_log(settings, control.clock)
    try:
        return await balance(control.database, log, snapshot, since_ms=since_ms)
    finally:
        await log.close()


async def _trace(
    settings: Settings, control: "Control", snapshot: "Snapshot", workspace: str, message_id: str
) -> "Trace":
    from crossdock.deliver.trace import trace as find
    from crossdock.log.opening import open_file_log

    log = open_file_log(settings, control.clock)
    try:
        return await find(
            message_id,
            workspace=workspace,
            log=log,
            database=control.database,
            snapshot=snapshot,
            index=DataFolder(Path(settings.data)).index,
        )
    finally:
        await log.close()


def _snapshot(control: "Control") -> "Snapshot":
    from crossdock.workspace.publish import build_snapshot

    return control.database.transact(lambda c: build_snapshot(c, control.clock.now_ms()))


def _names(snapshot: "Snapshot") -> dict[str, str]:
    names = {view.id: view.slug for view in snapshot.sources.values()}
    names |= {view.id: view.slug for view in snapshot.destinations.values()}
    return names | {view.id: view.slug for view in snapshot.warehouses.values()}


def camel(value: Any) -> Any:
    """A struct as the API spells it."""
    import msgspec

    return _renamed(msgspec.to_builtins(value))


def _renamed(value: Any) -> Any:
    if isinstance(value, list):
        return [_renamed(item) for item in value]
    if isinstance(value, dict):
        return {_camel(name): _renamed(item) for name, item in value.items()}
    return value


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _print_balance(balance: "Balance", names: dict[str, str]) -> None:
    sources: dict[tuple[str, ...], Counter[str]] = {}
    for line in balance.sources:
        sums = sources.setdefault((names.get(line.source, line.source),), Counter())
        sums.update({term: getattr(line, term) for term in _SOURCE_TERMS})
    _print_sums(("SOURCE",), _SOURCE_TERMS, sources, "no events yet")
    readers: dict[tuple[str, ...], Counter[str]] = {}
    for reading in balance.owners:
        key = (
            names.get(reading.owner, reading.owner),
            names.get(reading.source, reading.source),
            reading.run,
        )
        sums = readers.setdefault(key, Counter())
        sums.update({term: getattr(reading, term) for term in _READER_TERMS})
    print()
    _print_sums(("TO", "SOURCE", "RUN"), _READER_TERMS, readers, "nothing read yet")
    print()
    for fault in balance.faults[:FAULTS_SHOWN]:
        print(_fault_text(fault, names))
    if len(balance.faults) > FAULTS_SHOWN:
        print(f"... and {len(balance.faults) - FAULTS_SHOWN} more (--json has all)")
    for damage in balance.damage:
        print(f"DAMAGE  {damage}")
    if balance.balanced:
        print("every minute balances")


def _print_sums(
    keys: Sequence[str],
    terms: Sequence[str],
    sums: dict[tuple[str, ...], Counter[str]],
    empty: str,
) -> None:
    head = [*keys, *(term.upper() for term in terms)]
    rows = [[*key, *(counted[term] for term in terms)] for key, counted in sorted(sums.items())]
    print_table(head, rows, empty)


def _fault_text(fault: "Fault", names: dict[str, str]) -> str:
    from crossdock.base.clock import iso_ms

    where = f"source {names.get(fault.source, fault.source)}"
    if fault.owner:
        where += f", to {names.get(fault.owner, fault.owner)} ({fault.run})"
    return (
        f"OFF  {iso_ms(fault.minute_ms)}  {where}: {fault.problem} "
        f"(expected {fault.expected}, found {fault.found})"
    )


def _print_trace(found: "Trace", names: dict[str, str]) -> None:
    from crossdock.base.clock import iso_ms

    if not found.occurrences:
        print(f"no event with messageId {found.message_id} is kept")
    for at in found.occurrences:
        print_pairs(
            [
                ("received", iso_ms(at.received_ms)),
                ("source", names.get(at.source, at.source)),
                ("event", f"{at.type} {at.name}".strip()),
                ("result", f"{at.result} {at.reason}".strip()),
            ]
        )
        rows = [_fate_row(fate, names) for fate in at.fates]
        head = ("TO", "RUN", "OUTCOME", "REASON", "ATTEMPTS", "STATUS", "MESSAGE")
        print_table(head, rows, "no destination has passed it yet")
        print()


def _fate_row(fate: "Fate", names: dict[str, str]) -> tuple[Any, ...]:
    status = "" if fate.status is None else fate.status
    name = names.get(fate.owner, fate.owner)
    return (name, fate.run, fate.outcome, fate.reason, fate.attempts, status, fate.message[:80])
