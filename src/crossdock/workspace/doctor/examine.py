"""All checks, one after the other. A check that fails itself is a finding, too."""

import asyncio

from crossdock.workspace.doctor import data, machine, reach, readers
from crossdock.workspace.doctor.findings import Check, Finding, Patient, error

CHECK_S_MAX = 60.0

CHECKS: tuple[Check, ...] = (
    data.versions,
    machine.disk,
    machine.sync,
    machine.clock,
    machine.ports,
    data.secret_key,
    data.unknown_keys,
    data.snapshot,
    readers.lag,
    readers.dead,
    readers.expired,
    readers.loads,
    reach.reach,
)


async def examine(patient: Patient) -> list[Finding]:
    """What every check found, in their order."""
    findings: list[Finding] = []
    for check in CHECKS:
        try:
            async with asyncio.timeout(CHECK_S_MAX):
                findings.extend(await check(patient))
        except Exception as failed:
            name = getattr(check, "__name__", "check")
            text = f"the check itself failed: {type(failed).__name__}: {failed}"
            findings.append(error(name, text, "Look at what it names; if all is well, report it."))
    return findings
