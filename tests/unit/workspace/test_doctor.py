"""Doctor: a healthy installation has no finding; each test breaks one thing, and it is named."""

import asyncio
import errno
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import text
from tests.unit.workspace.kit import make_control

from crossdock import __version__
from crossdock.base.clock import ManualClock
from crossdock.base.errors import Permanent
from crossdock.base.records import InboxHead, Kind, SummaryHead, pack
from crossdock.base.secrets import SecretBox, new_key
from crossdock.base.settings import Settings
from crossdock.base.snapshot import DestinationView, Snapshot, WarehouseView
from crossdock.deliver.recount import RETENTION
from crossdock.deliver.sweeping import EXPIRED
from crossdock.log.contract import EVENTS, INBOX
from crossdock.log.opening import open_file_log
from crossdock.process.readers import PROCESS
from crossdock.state import migrate
from crossdock.state.counts import CountRow, add_counts
from crossdock.state.cursors import Cursor, save_cursor
from crossdock.state.tables import dead_letters, destinations, syncs
from crossdock.workspace.doctor import data, machine, reach, readers
from crossdock.workspace.doctor.examine import CHECKS, examine
from crossdock.workspace.doctor.findings import Check, Finding, Patient, Probes, worst_of

GIB = 1 << 30
NOW_MS = 1_800_000_000_000


async def fine(*_: Any) -> None:
    return None


PROBES = Probes(disk_free=lambda _: 100 * GIB, sync_s=lambda _: 0.001, connect=fine, vet=fine)


@pytest.fixture
def patient(tmp_path: Path):
    control = make_control(tmp_path / "data", ManualClock(NOW_MS))
    control.database.engine.dispose()
    control.folder.state_file.unlink()
    migrate.upgrade(control.database)
    control.ensure_workspace()
    control.folder.format_file.write_text("1\n")
    running = {
        "version": __version__,
        "host": "0.0.0.0",
        "port": 1,
        "app_host": "127.0.0.1",
        "app_port": 2,
    }
    (control.folder.run / "serve.json").write_bytes(msgspec.json.encode(running))
    settings = Settings(data=str(control.folder.root))
    yield Patient(
        settings=settings,
        folder=control.folder,
        database=control.database,
        secrets=control.secrets,
        clock=control.clock,
        log=open_file_log(settings, control.clock),
        snapshot=msgspec.json.decode(control.folder.snapshot.read_bytes(), type=Snapshot),
        is_served=True,
        probes=PROBES,
    )
    control.database.close()


def found(patient: Patient, check: Check, *, async_setup: Any = None) -> list[Finding]:
    async def body() -> list[Finding]:
        if async_setup is not None:
            await async_setup()
        try:
            return list(await check(patient))
        finally:
            await patient.log.close()

    return asyncio.run(body())


def broken(patient: Patient, check: Check, **setup: Any) -> Finding:
    """The one finding that is not ok; it must have a remedy."""
    (finding,) = [f for f in found(patient, check, **setup) if f.severity != "ok"]
    assert finding.remedy
    return finding


def with_probe(patient: Patient, **probes: Any) -> Patient:
    return replace(patient, probes=replace(PROBES, **probes))


def test_a_healthy_installation_has_only_good_findings(patient: Patient) -> None:
    findings = found(patient, examine)
    assert worst_of(findings) == "ok", findings
    assert {f.check for f in findings} >= {"disk", "clock", "lag", "snapshot", "versions"}


def test_a_check_that_fails_is_a_finding_itself(patient: Patient) -> None:
    def no(_: Path) -> int:
        raise PermissionError("not allowed to look")

    findings = found(with_probe(patient, disk_free=no), examine)
    assert [f.check for f in findings if f.severity == "error"] == ["disk"]
    assert len({f.check for f in findings}) == len(CHECKS)


def test_a_disk_without_room_is_an_error(patient: Patient) -> None:
    findings = found(with_probe(patient, disk_free=lambda _: 1 << 20), machine.disk)
    assert findings[0].severity == "error"
    assert "disk has 1 MiB left" in findings[0].text


def test_a_budget_larger_than_the_disk_is_a_warning(patient: Patient) -> None:
    finding = broken(with_probe(patient, disk_free=lambda _: 5 * GIB), machine.disk)
    assert "more than the disk can give" in finding.text


@pytest.mark.parametrize(("log_full", "severity"), [("refuse", "error"), ("expire", "warning")])
def test_a_full_budget_says_what_happens_then(
    patient: Patient, log_full: Any, severity: str
) -> None:
    (patient.folder.log / "inbox").mkdir(parents=True)
    (patient.folder.log / "inbox" / "x").write_bytes(b"x" * (17 << 20))
    settings = Settings(data=patient.settings.data, log_bytes_max=16 << 20, log_full=log_full)
    finding = broken(replace(patient, settings=settings), machine.disk)
    assert finding.severity == severity
    assert "of log_bytes_max" in finding.text


@pytest.mark.parametrize(("seconds", "severity"), [(0.05, "warning"), (0.5, "error")])
def test_a_slow_disk_is_named_with_its_time(
    patient: Patient, seconds: float, severity: str
) -> None:
    finding = broken(with_probe(patient, sync_s=lambda _: seconds), machine.sync)
    assert finding.severity == severity
    assert f"{seconds * 1000:.1f} ms" in finding.text


def test_a_disk_that_takes_nothing_is_an_error(patient: Patient) -> None:
    def full(_: Path) -> float:
        raise OSError(errno.ENOSPC, "No space left on device")

    finding = broken(with_probe(patient, sync_s=full), machine.sync)
    assert finding.severity == "error"
    assert finding.text.endswith(": No space left on device")


def test_the_time_of_a_sync_is_measured_and_leaves_nothing(tmp_path: Path) -> None:
    assert machine.measured_sync_s(tmp_path) > 0
    assert list(tmp_path.iterdir()) == []


def test_a_clock_that_was_never_set_is_an_error(patient: Patient) -> None:
    assert "not set" in broken(replace(patient, clock=ManualClock(0)), machine.clock).text


def test_a_clock_behind_its_own_data_is_an_error(patient: Patient) -> None:
    snapshot = msgspec.structs.replace(patient.snapshot, made_ms=NOW_MS + 60_000)
    assert "went back" in broken(replace(patient, snapshot=snapshot), machine.clock).text


def test_a_port_that_does_not_answer_is_an_error(patient: Patient) -> None:
    async def refuse(_host: str, port: int) -> None:
        if port == 1:
            raise ConnectionRefusedError("refused")

    finding = broken(with_probe(patient, connect=refuse), machine.ports)
    assert "tracking port 1 does not answer" in finding.text


def test_a_folder_that_nothing_serves_is_a_warning(patient: Patient) -> None:
    finding = broken(replace(patient, is_served=False), machine.ports)
    assert (finding.severity, "nothing serves" in finding.text) == ("warning", True)


def test_a_serve_that_never_became_ready_is_an_error(patient: Patient) -> None:
    (patient.folder.run / "serve.json").unlink()
    assert "not all of its processes" in broken(patient, machine.ports).text


def test_another_format_is_an_error(patient: Patient) -> None:
    patient.folder.format_file.write_text("2\n")
    assert "format 2" in broken(patient, data.versions).text


def test_other_tables_are_an_error(patient: Patient) -> None:
    set_version = text("update alembic_version set version_num = '0000'")
    patient.database.transact(lambda c: c.execute(set_version))
    assert "is at 0000" in broken(patient, data.versions).text


def test_a_serve_of_another_version_is_a_warning(patient: Patient) -> None:
    path = patient.folder.run / "serve.json"
    path.write_bytes(msgspec.json.encode({"version": "0.0.9"}))
    assert "serve runs version 0.0.9" in broken(patient, data.versions).text


def add_destination(patient: Patient, settings: dict[str, Any]) -> None:
    row = {
        "id": "dst_1",
        "workspace_id": "ws",
        "source_id": "src_1",
        "slug": "hook",
        "type": "webhook",
        "label": "Hook",
        "enabled": True,
        "paused": False,
        "settings": settings,
        "created_ms": 1,
    }
    patient.database.transact(lambda c: c.execute(destinations.insert().values(row)))


def test_a_key_that_opens_nothing_is_an_error_and_names_whose_secrets(patient: Patient) -> None:
    add_destination(patient, {"secret": SecretBox(new_key()).seal("x")})
    assert "hook cannot be opened" in broken(patient, data.secret_key).text


def test_a_key_file_that_others_can_read_is_a_warning(patient: Patient) -> None:
    patient.folder.key_file.write_text("k")
    patient.folder.key_file.chmod(0o644)
    assert "other users" in broken(patient, data.secret_key).text


def test_unknown_write_keys_are_named_masked(patient: Patient) -> None:
    row = {"key": "abcd***(32)", "requests": 12}
    report = {"unknown_keys": {"missing": 0, "keys": [row]}}
    path = patient.folder.run / f"collect-{os.getpid()}.json"
    path.write_bytes(msgspec.json.encode(report))
    assert "12 requests" in broken(patient, data.unknown_keys).text


def test_requests_without_a_key_are_named(patient: Patient) -> None:
    path = patient.folder.run / f"collect-{os.getpid()}.json"
    path.write_bytes(msgspec.json.encode({"unknown_keys": {"missing": 3, "keys": []}}))
    assert "3 requests came without" in broken(patient, data.unknown_keys).text


def test_a_snapshot_behind_the_tables_is_an_error(patient: Patient) -> None:
    old = msgspec.structs.replace(patient.snapshot, version=0)
    assert "version 0" in broken(replace(patient, snapshot=old), data.snapshot).text


@pytest.mark.parametrize("role", ["collect", "work"])
def test_a_process_with_an_old_snapshot_is_an_error(patient: Patient, role: str) -> None:
    (patient.folder.run / f"{role}-{os.getpid()}.ack").write_text("0")
    assert f"{role} (process {os.getpid()})" in broken(patient, data.snapshot).text


def inbox_record(received_ms: int) -> bytes:
    return pack(Kind.SINGLE, InboxHead("ws", "src", "track", received_ms, "", 1), b"{}")


async def append_inbox(patient: Patient) -> None:
    appender = await patient.log.open_shared(INBOX)
    await appender.append(0, [inbox_record(NOW_MS)] * 2)
    await appender.close()


async def append_events(patient: Patient, inbox_to: int) -> int:
    events = await patient.log.open_exclusive(EVENTS, 0)
    offset = await events.append([pack(Kind.SUMMARY, SummaryHead(0, inbox_to, 1), b"")])
    await events.close()
    return offset


def later(patient: Patient, seconds: float) -> Patient:
    clock = ManualClock(NOW_MS + round(seconds * 1000))
    return replace(patient, clock=clock)


@pytest.mark.parametrize(("seconds", "severity"), [(400, "warning"), (4000, "error")])
def test_events_that_process_leaves_lying_are_a_finding(
    patient: Patient, seconds: float, severity: str
) -> None:
    finding = broken(
        later(patient, seconds), readers.lag, async_setup=lambda: append_inbox(patient)
    )
    assert finding.severity == severity
    assert finding.text.startswith("process has not settled")


def test_a_reader_that_lags_is_named_with_its_slug(patient: Patient) -> None:
    view = DestinationView(
        id="dst_1",
        workspace="ws",
        source="src",
        slug="hook",
        type="webhook",
        name="Webhooks",
        label="Hook",
        paused=True,
    )
    snapshot = msgspec.structs.replace(patient.snapshot, destinations={"dst_1": view})
    cursor = Cursor(owner="dst_1", partition=0, log_id=patient.log.log_id, low=0)
    patient.database.transact(lambda c: save_cursor(c, cursor, 1))
    late = replace(later(patient, 400), snapshot=snapshot)
    finding = broken(late, readers.lag, async_setup=lambda: append_events(patient, 0))
    assert "destination hook (paused)" in finding.text


def test_a_damaged_record_is_an_error_with_a_way_on(patient: Patient) -> None:
    """The worker stops at it and is started again for ever: people must hear of it."""

    async def append_and_damage() -> None:
        await append_events(patient, 0)
        (segment,) = (patient.folder.log / EVENTS / "0").glob("*.seg")
        with segment.open("r+b") as file:
            file.seek(80)
            file.write(b"damage")

    findings = found(patient, readers.lag, async_setup=append_and_damage)
    assert {(f.severity, f.text.split(":")[0]) for f in findings} == {
        ("error", "process cannot read on")
    }
    assert "crossdock restore" in findings[0].remedy


def test_a_cursor_of_another_log_is_an_error(patient: Patient) -> None:
    cursor = Cursor(owner="tally", partition=0, log_id="log_other", low=0)
    patient.database.transact(lambda c: save_cursor(c, cursor, 1))
    assert "another log" in broken(patient, readers.lag).text


@pytest.mark.parametrize("owner", [PROCESS, RETENTION])
def test_marks_of_the_worker_are_no_readers_of_events_that_lag(
    patient: Patient, owner: str
) -> None:
    """That of process is a place in the inbox; that of retention is where the events begin."""
    cursor = Cursor(owner=owner, partition=0, log_id=patient.log.log_id, low=0)
    patient.database.transact(lambda c: save_cursor(c, cursor, 1))
    findings = found(
        later(patient, 4000), readers.lag, async_setup=lambda: append_events(patient, 0)
    )
    assert [f.severity for f in findings] == ["ok"]


def test_events_that_expired_unread_are_a_warning(patient: Patient) -> None:
    view = WarehouseView(id="whs_1", workspace="ws", slug="lake", type="duckdb", name="Lake")
    snapshot = msgspec.structs.replace(patient.snapshot, warehouses={"whs_1": view})
    row = CountRow("ws", "src", "whs_1", "live", NOW_MS, "dead", "track", "", EXPIRED, 7)
    patient.database.transact(lambda c: add_counts(c, [row]))
    finding = broken(replace(patient, snapshot=snapshot), readers.expired)
    assert "7 events of 24 hours expired before lake had read them" in finding.text


def test_dead_letters_of_the_last_day_are_a_warning(patient: Patient) -> None:
    row = dict.fromkeys(dead_letters.c.keys(), "")
    row |= {"owner": "dst_9", "partition": 0, "offset": 0, "attempts": 1, "status": 400}
    row |= {"received_ms": 1, "first_ms": 1, "dead_ms": NOW_MS - 1000, "event": b""}
    del row["id"]
    patient.database.transact(lambda c: c.execute(dead_letters.insert().values(row)))
    assert "1 events for dst_9" in broken(patient, readers.dead).text


@pytest.mark.parametrize(("status", "severity"), [("failure", "error"), ("partial", "warning")])
def test_a_load_that_did_not_succeed_is_a_finding(
    patient: Patient, status: str, severity: str
) -> None:
    view = WarehouseView(id="whs_1", workspace="ws", slug="lake", type="duckdb", name="Lake")
    snapshot = msgspec.structs.replace(patient.snapshot, warehouses={"whs_1": view})
    row = {
        "id": "syn_1",
        "workspace": "ws",
        "warehouse": "whs_1",
        "source": "src",
        "started_ms": NOW_MS - 5,
        "ended_ms": NOW_MS,
        "status": status,
        "rows": {},
        "notices": [{"message": "disk quota exceeded"}],
    }
    patient.database.transact(lambda c: c.execute(syncs.insert().values(row)))
    finding = broken(replace(patient, snapshot=snapshot), readers.loads)
    assert finding.severity == severity
    assert "disk quota exceeded" in finding.text


def with_hook(patient: Patient, **probes: Any) -> Patient:
    view = DestinationView(
        id="dst_1",
        workspace="ws",
        source="src",
        slug="hook",
        type="webhook",
        name="Webhooks",
        label="Hook",
        settings={"url": patient.secrets.seal("https://hooks.example.com:8443/x?token=t0ps3cret")},
    )
    snapshot = msgspec.structs.replace(patient.snapshot, destinations={"dst_1": view})
    return replace(with_probe(patient, **probes), snapshot=snapshot)


def test_a_destination_that_refuses_connections_is_an_error(patient: Patient) -> None:
    async def refuse(host: str, port: int) -> None:
        raise ConnectionRefusedError(111, f"refused by {host}:{port}")

    finding = broken(with_hook(patient, connect=refuse), reach.reach)
    assert "hook at hooks.example.com:8443 cannot be reached: refused" in finding.text
    assert "t0ps3cret" not in finding.text


def test_an_address_that_is_not_allowed_is_never_connected_to(patient: Patient) -> None:
    connected = []

    async def forbid(_host: str, _port: int) -> None:
        raise Permanent("address_refused", "10.0.0.7 is a private address")

    async def connect(host: str, port: int) -> None:
        connected.append((host, port))

    finding = broken(with_hook(patient, vet=forbid, connect=connect), reach.reach)
    assert "private address" in finding.text
    assert connected == []
