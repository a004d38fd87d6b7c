"""Checks of what stands in the data folder: versions, keys, the published snapshot."""

import stat
from collections.abc import Iterator

import msgspec
from sqlalchemy import Connection, select

from crossdock import __version__
from crossdock.base.datafolder import FORMAT_VERSION
from crossdock.base.errors import Misconfigured
from crossdock.base.secrets import keys_of
from crossdock.state.migrate import current, newest
from crossdock.state.tables import destinations, sources, warehouses
from crossdock.workspace.doctor.findings import Finding, Patient, error, ok, warning
from crossdock.workspace.publish import acknowledged, is_alive, version_of

UNKNOWN_KEYS_SHOWN = 5


async def versions(patient: Patient) -> list[Finding]:
    """Format, tables and running processes against this program."""
    findings = []
    text = patient.folder.format_file.read_text().strip()
    if text != str(FORMAT_VERSION):
        findings.append(
            error(
                "versions",
                f"the data folder has format {text}, this Crossdock writes {FORMAT_VERSION}",
                "Run the version that wrote it.",
            )
        )
    revision = await patient.database.run(current)
    if revision != newest():
        findings.append(
            error(
                "versions",
                f"the state database is at {revision}, this Crossdock needs {newest()}",
                "Start `crossdock serve`: it upgrades older ones and names newer ones.",
            )
        )
    try:
        running = msgspec.json.decode((patient.folder.run / "serve.json").read_bytes())
    except (FileNotFoundError, msgspec.DecodeError):
        running = {"version": __version__}
    if patient.is_served and running["version"] != __version__:
        findings.append(
            warning(
                "versions",
                f"serve runs version {running['version']}, this command is {__version__}",
                "Restart serve after an upgrade.",
            )
        )
    return findings or [
        ok("versions", f"Crossdock {__version__}, format {text}, tables {revision}")
    ]


async def secret_key(patient: Patient) -> list[Finding]:
    """The key opens what was sealed, and only its owner may read it."""
    findings = []
    closed = await patient.database.run(lambda c: list(_unopened(c, patient)))
    if closed:
        findings.append(
            error(
                "secret_key",
                f"secrets of {', '.join(closed)} cannot be opened with this key",
                "Put the key back that sealed them (secret.key, from a backup), or set them anew.",
            )
        )
    path = patient.folder.key_file
    if path.exists() and len(keys_of(path.read_text())) > 1:
        findings.append(
            warning(
                "secret_key",
                f"{path} holds an old key besides the new one: a rotation did not end",
                "Repeat `crossdock secrets rotate`: it ends what was begun.",
            )
        )
    if path.exists() and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        findings.append(
            warning(
                "secret_key",
                f"{path} can be read by other users of this machine",
                f"chmod 600 {path}",
            )
        )
    return findings or [ok("secret_key", "the key opens all sealed settings")]


def _unopened(connection: Connection, patient: Patient) -> Iterator[str]:
    for table in (sources, destinations, warehouses):
        query = select(table.c.slug, table.c.settings).where(table.c.deleted_ms.is_(None))
        for slug, settings in connection.execute(query):
            for value in settings.values():
                try:
                    patient.secrets.open(value)
                except Misconfigured:
                    yield slug
                    break


async def unknown_keys(patient: Patient) -> list[Finding]:
    """Write keys that clients send and no source has."""
    findings = []
    for path in sorted(patient.folder.run.glob("collect-*.json")):
        pid = path.stem.removeprefix("collect-")
        if not pid.isdigit() or not is_alive(int(pid)):
            continue
        report = msgspec.json.decode(path.read_bytes()).get("unknown_keys", {})
        findings += [
            warning(
                "unknown_keys",
                f"{row['requests']} requests came with the unknown write key {row['key']}",
                "Give the client its source's key (`crossdock source show`), or make a source.",
            )
            for row in report.get("keys", [])[:UNKNOWN_KEYS_SHOWN]
        ]
        if report.get("missing"):
            findings.append(
                warning(
                    "unknown_keys",
                    f"{report['missing']} requests came without any write key",
                    "Check the client's set-up: the key goes into the Authorization header.",
                )
            )
    return findings or [ok("unknown_keys", "no client sends a key that no source has")]


async def snapshot(patient: Patient) -> list[Finding]:
    """The published file against the tables, and each process against the file."""
    version = await patient.database.run(version_of)
    known = patient.snapshot.version
    if known != version:
        return [
            error(
                "snapshot",
                f"the published snapshot is version {known}, the tables are at {version}",
                "Start `crossdock serve` (or `crossdock app`): it publishes what is missing. "
                "If one runs, its log says why it cannot.",
            )
        ]
    findings = []
    for role in ("collect", "work"):
        for pid, seen in acknowledged(patient.folder, role).items():
            if seen != version:
                findings.append(
                    error(
                        "snapshot",
                        f"{role} (process {pid}) works by version {seen} instead of {version}",
                        f"Restart it: kill {pid}; serve starts a new one. Its log says why.",
                    )
                )
    return findings or [ok("snapshot", f"version {version} is in force")]
