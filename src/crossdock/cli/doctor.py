"""`crossdock doctor`: what is wrong here, and what to do about it."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from crossdock.base.datafolder import DataFolder
from crossdock.base.settings import Settings
from crossdock.cli.exits import CHECK_FAILED, OK
from crossdock.cli.folder import is_served
from crossdock.cli.options import Config, Data, Json, opened, settings_of
from crossdock.cli.output import print_json

if TYPE_CHECKING:
    from crossdock.workspace.control import Control
    from crossdock.workspace.doctor.findings import Finding, Probes

_SIGNS = {"ok": "ok     ", "warning": "WARNING", "error": "ERROR  "}


def register(program: typer.Typer) -> None:
    program.command("doctor")(doctor)


def doctor(as_json: Json = False, data: Data = None, config: Config = None) -> None:
    """Check disk, clock, ports, keys, snapshot, readers, connections; name each remedy.

    Ends with 1 where something is an error.
    """
    import asyncio

    from crossdock.workspace.doctor.findings import worst_of

    settings = settings_of(data, config)
    with opened(data, config) as control:
        findings = asyncio.run(_examine(settings, control))
    worst = worst_of(findings)
    if as_json:
        print_json({"worst": worst, "findings": findings})
    else:
        for finding in findings:
            print(f"{_SIGNS[finding.severity]}  {finding.check}: {finding.text}")
            if finding.remedy:
                print(f"         -> {finding.remedy}")
    raise typer.Exit(CHECK_FAILED if worst == "error" else OK)


async def _examine(settings: Settings, control: "Control") -> "list[Finding]":
    from crossdock.base.snapshots import SnapshotFile
    from crossdock.log.opening import open_file_log
    from crossdock.workspace.doctor.examine import examine
    from crossdock.workspace.doctor.findings import Patient

    folder = DataFolder(Path(settings.data))
    log = open_file_log(settings, control.clock)
    try:
        return await examine(
            Patient(
                settings=settings,
                folder=folder,
                database=control.database,
                secrets=control.secrets,
                clock=control.clock,
                log=log,
                snapshot=SnapshotFile(folder.snapshot).current,
                is_served=is_served(folder),
                probes=_probes(settings, control),
            )
        )
    finally:
        await log.close()


def _probes(settings: Settings, control: "Control") -> "Probes":
    import asyncio

    from crossdock.base.addresses import AddressGuard, Target
    from crossdock.base.sender import VettedResolver
    from crossdock.workspace.doctor.findings import Probes
    from crossdock.workspace.doctor.machine import free_bytes, measured_sync_s

    allowed = _allowed_in_force(settings)
    guard = AddressGuard(allowed, allow_private=settings.allow_private_addresses)
    resolver = VettedResolver(guard, control.clock)

    async def connect(host: str, port: int) -> None:
        _, writer = await asyncio.open_connection(host, port)
        writer.close()
        await writer.wait_closed()

    async def vet(host: str, port: int) -> None:
        await resolver.addresses(Target("https", host, port))

    return Probes(disk_free=free_bytes, sync_s=measured_sync_s, connect=connect, vet=vet)


def _allowed_in_force(settings: Settings) -> list[str]:
    """Those of the serve that runs, whose environment may not be this command's."""
    import msgspec

    path = DataFolder(Path(settings.data)).run / "serve.json"
    try:
        return list(msgspec.json.decode(path.read_bytes())["allowed_addresses"])
    except (FileNotFoundError, msgspec.DecodeError, KeyError):
        return list(settings.allowed_addresses)
