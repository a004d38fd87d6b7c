"""Checks of what must be reached: destinations and warehouses, by address rules and by opening a
connection. Nothing is sent."""

import asyncio
from urllib.parse import urlsplit

from crossdock.base.errors import CrossdockError
from crossdock.workspace.doctor.findings import Finding, Patient, error, ok

CONNECT_S_MAX = 5.0
_DEFAULT_PORTS = {"http": 80, "https": 443, "postgresql": 5432, "postgres": 5432}


async def reach(patient: Patient) -> list[Finding]:
    """Every enabled destination and warehouse that has a `url`, or a `host` and a `port`."""
    wanted = [
        (f"destination {view.slug}", view.settings)
        for view in patient.snapshot.destinations.values()
        if view.enabled and not view.deleted
    ] + [
        (f"warehouse {view.slug}", view.settings)
        for view in patient.snapshot.warehouses.values()
        if view.enabled and not view.deleted
    ]
    findings = []
    for name, settings in wanted:
        url = _url_of(patient, settings)
        if url is not None:
            findings.append(await _reached(patient, name, url))
    return findings or [ok("reach", "nothing outside has to be reached")]


def _url_of(patient: Patient, settings: dict[str, object]) -> str | None:
    try:
        opened = patient.secrets.open_all(settings)
    except CrossdockError:
        return None  # the check of the key says so
    if isinstance(opened.get("url"), str):
        return str(opened["url"])
    host = opened.get("host") or opened.get("hostname")
    if isinstance(host, str) and host:
        return f"postgresql://{host}:{int(opened.get('port') or 5432)}"
    return None


async def _reached(patient: Patient, name: str, url: str) -> Finding:
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 443)
    shown = f"{host}:{port}"
    try:
        await patient.probes.vet(host, port)
    except CrossdockError as refused:
        remedy = "Correct the address, or add it to allowed_addresses, if it is meant."
        return error("reach", f"{name}: {refused}", remedy)
    try:
        async with asyncio.timeout(CONNECT_S_MAX):
            await patient.probes.connect(host, port)
    except TimeoutError:
        problem = f"no answer in {CONNECT_S_MAX:.0f} s"
    except OSError as failed:
        problem = failed.strerror or str(failed)
    else:
        return ok("reach", f"{name} at {shown} can be reached")
    return error(
        "reach",
        f"{name} at {shown} cannot be reached: {problem}",
        "Check its address, and whether this machine may connect to it.",
    )
