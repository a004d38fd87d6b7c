"""Every setting of an installation, in one typed place.

Read from `crossdock.toml` in the data folder (or `--config`), then `CROSSDOCK_<NAME>` in the
environment, then flags; the later wins. docs/reference/settings.md is generated from here.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from crossdock.base.errors import Misconfigured
from crossdock.base.settings_checks import problem_of, shown

Port = Annotated[int, Meta(ge=0, le=65535)]
Positive = Annotated[int, Meta(ge=1)]

MIB = 1 << 20


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The operator's choices. Units stand in the names."""

    data: Annotated[str, Meta(description="Folder that holds the log, state and keys.")] = "data"
    host: Annotated[str, Meta(description="Address the tracking port binds to.")] = "0.0.0.0"  # noqa: S104
    port: Annotated[Port, Meta(description="Tracking port (public); 0 picks a free one.")] = 8080
    app_host: Annotated[str, Meta(description="Address the app port binds to.")] = "127.0.0.1"
    app_port: Annotated[Port, Meta(description="App, API and metrics port (private).")] = 8090
    tracking_url: Annotated[
        str, Meta(description="Public URL of the tracking port, as snippets and links use it.")
    ] = ""
    app_url: Annotated[str, Meta(description="URL of the app, as links and cookies use it.")] = ""
    front: Annotated[
        Literal["protocol", "asgi"],
        Meta(description="HTTP front of the collector: our own protocol, or ASGI on uvicorn."),
    ] = "protocol"
    trusted_proxies: Annotated[
        tuple[str, ...],
        Meta(description="Networks whose X-Forwarded-For and X-Forwarded-Proto count."),
    ] = ()
    allowed_addresses: Annotated[
        tuple[str, ...],
        Meta(
            description="Private hosts, networks or host:port that destinations, warehouses and "
            "other outbound connections may reach."
        ),
    ] = ()
    allow_private_addresses: Annotated[
        bool, Meta(description="Open all private ranges (metadata addresses excepted).")
    ] = False
    state_url: Annotated[
        str,
        Meta(description="SQLAlchemy URL of the state database; empty: SQLite in the data folder."),
    ] = ""
    partitions: Annotated[
        Annotated[int, Meta(ge=1, le=256)],
        Meta(description="Partitions of the logs; fixed when the data folder is made."),
    ] = 1
    log_bytes_max: Annotated[
        Annotated[int, Meta(ge=16 * MIB)],
        Meta(description="Disk budget of the logs, all topics together, bytes."),
    ] = 20 * 1024 * MIB
    log_full: Annotated[
        Literal["expire", "refuse"],
        Meta(
            description="What happens at 100 % of log_bytes_max: `expire` drops the oldest "
            "segments and counts what a reader had not read; `refuse` drops only what every "
            "reader has read, and answers 503 when that is not enough."
        ),
    ] = "expire"
    log_retention_h: Annotated[
        Positive, Meta(description="How long the events log is kept, hours.")
    ] = 168
    log_segment_bytes: Annotated[
        Annotated[int, Meta(ge=64 * 1024, le=1024 * MIB)], Meta(description="Size of a segment.")
    ] = 64 * MIB
    log_prepare: Annotated[
        Literal["auto", "fallocate", "zero", "append"],
        Meta(description="How segments are prepared ahead; `auto` probes the file system."),
    ] = "auto"
    log_zstd: Annotated[bool, Meta(description="Compress log frames with zstd level 1.")] = True
    log_linger_ms: Annotated[
        Annotated[float, Meta(ge=0, le=100)],
        Meta(description="Wait this long for company before a group commit."),
    ] = 0.0
    disk_free_bytes_min: Annotated[
        Annotated[int, Meta(ge=0)],
        Meta(description="Refuse events (503) when the disk has less room than this."),
    ] = 256 * MIB
    unsynced_bytes_max: Annotated[
        Annotated[int, Meta(ge=MIB)],
        Meta(description="Bytes that may wait for the disk before requests are answered 429."),
    ] = 64 * MIB
    connections_max: Annotated[
        Positive, Meta(description="Open connections a collector takes; more are answered 503.")
    ] = 10_000
    header_timeout_s: Annotated[
        Annotated[float, Meta(gt=0)], Meta(description="A request's head must arrive within this.")
    ] = 15.0
    body_timeout_s: Annotated[
        Annotated[float, Meta(gt=0)], Meta(description="A request's body must arrive within this.")
    ] = 60.0
    idle_timeout_s: Annotated[
        Annotated[float, Meta(gt=0)], Meta(description="Keep-alive connections close after this.")
    ] = 75.0
    dedupe_window_h: Annotated[
        Annotated[int, Meta(ge=1, le=2160)],
        Meta(description="How long a messageId is remembered, hours of received time."),
    ] = 168
    dedupe_ids_max: Annotated[
        Annotated[int, Meta(ge=1000)],
        Meta(description="Ids remembered at most, per partition (16 bytes each on disk)."),
    ] = 100_000_000
    retry_s_max: Annotated[
        Positive,
        Meta(description="How long a delivery is retried, seconds from its first attempt."),
    ] = 4 * 3600
    retry_rows_max: Annotated[
        Positive, Meta(description="Events a destination may have waiting for a retry.")
    ] = 10_000
    counts_retention_d: Annotated[
        Positive, Meta(description="How long minute counts are kept, days.")
    ] = 30
    audit_retention_d: Annotated[
        Positive, Meta(description="How long audit events are kept, days.")
    ] = 1095
    usage_retention_d: Annotated[
        Annotated[int, Meta(ge=62)],
        Meta(description="How long usage by source and day is kept, days."),
    ] = 800
    dead_letters_retention_d: Annotated[
        Positive, Meta(description="How long dead letters are kept, days.")
    ] = 30
    dead_letters_max: Annotated[
        Positive, Meta(description="Dead letters a destination may have; the oldest go first.")
    ] = 100_000
    actions_processes: Annotated[
        Annotated[int, Meta(ge=1, le=64)],
        Meta(description="Node processes that deliver to action destinations."),
    ] = 1
    actions_memory_mib: Annotated[
        Annotated[int, Meta(ge=64, le=8192)],
        Meta(description="Heap of each of these processes, MiB; one that needs more is ended."),
    ] = 256
    actions_node: Annotated[
        str,
        Meta(description="Node program (22.13 or newer) for them; empty: the one that is found."),
    ] = ""
    smtp_host: Annotated[
        str, Meta(description="Mail server; empty: messages are read in the app and in the log.")
    ] = ""
    smtp_port: Annotated[
        Annotated[int, Meta(ge=1, le=65535)], Meta(description="Port of the mail server.")
    ] = 587
    smtp_user: Annotated[str, Meta(description="Name to sign in with; empty: none.")] = ""
    smtp_password: Annotated[str, Meta(description="Password to sign in with.")] = ""
    smtp_from: Annotated[str, Meta(description="Address that mail comes from.")] = ""
    smtp_tls: Annotated[
        Literal["starttls", "tls", "none"],
        Meta(description="`starttls` (port 587) and `tls` (465) verify the server's certificate."),
    ] = "starttls"
    oidc_issuer: Annotated[
        str, Meta(description="OpenID Connect provider for sign-in; empty: passwords only.")
    ] = ""
    oidc_client_id: Annotated[str, Meta(description="What the provider calls Crossdock.")] = ""
    oidc_client_secret: Annotated[
        str, Meta(description="Its secret there; empty: a public client, by PKCE alone.")
    ] = ""
    oidc_label: Annotated[str, Meta(description="What the button at the sign-in says.")] = (
        "Sign in with your company"
    )
    source_idle_days: Annotated[
        Annotated[int, Meta(ge=0, le=3650)],
        Meta(
            description="A source that nothing is connected to is disabled after this many days "
            "and two notices; 0: never."
        ),
    ] = 14
    drain_s: Annotated[
        Annotated[int, Meta(ge=1, le=600)],
        Meta(description="SIGTERM: how long work in flight may take to finish."),
    ] = 20
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="Least severe line logged.")
    ] = "info"
    secret_key: Annotated[
        str,
        Meta(
            description="Keys for secrets at rest (base64, 32 bytes), commas between them: the "
            "first one seals, all open; empty: a file in `data`."
        ),
    ] = ""


ENV_PREFIX = "CROSSDOCK_"
_LIST_FIELDS = {"trusted_proxies", "allowed_addresses"}


def load_settings(
    flags: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    config: Path | None = None,
) -> Settings:
    """Merge file, environment and flags (a flag of None is not given).

    Raises Misconfigured naming the setting, the value got and what was expected.
    """
    environ = os.environ if environ is None else environ
    given: dict[str, Any] = {k: v for k, v in (flags or {}).items() if v is not None}
    from_env = _from_environ(environ)
    data = given.get("data") or from_env.get("data") or "data"
    path = config or Path(str(data)) / "crossdock.toml"
    merged: dict[str, Any] = {}
    for origin, values in (
        (str(path), _from_file(path, required=config is not None)),
        ("the environment", from_env),
        ("flags", given),
    ):
        for name, value in values.items():
            _check(origin, name, value)
        merged |= values
    if config is None and not _same_folder(merged.get("data", data), data):
        raise Misconfigured(
            f"setting data is {merged['data']!r} in {path}, which stands in another data folder: "
            "expected --data, CROSSDOCK_DATA, or a file named by --config"
        )
    settings = msgspec.convert(merged, Settings, strict=False)
    if settings.smtp_host and not settings.smtp_from:
        raise Misconfigured(
            f"setting smtp_from is '' while smtp_host is {settings.smtp_host!r}: expected the "
            "address that mail comes from"
        )
    if settings.oidc_issuer and not settings.oidc_client_id:
        raise Misconfigured(
            f"setting oidc_client_id is '' while oidc_issuer is {settings.oidc_issuer!r}: expected "
            "what the provider calls Crossdock"
        )
    return settings


def _same_folder(one: Any, other: Any) -> bool:
    return Path(str(one)).absolute() == Path(str(other)).absolute()


def _from_environ(environ: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, text in environ.items():
        name = key.removeprefix(ENV_PREFIX).lower()
        if key.startswith(ENV_PREFIX) and name in Settings.__struct_fields__:
            values[name] = (
                [p.strip() for p in text.split(",") if p.strip()] if name in _LIST_FIELDS else text
            )
    return values


def _from_file(path: Path, *, required: bool) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if required:
            raise Misconfigured(f"config file {path} does not exist") from None
        return {}
    except NotADirectoryError:
        return {}  # what stands where the data folder should be is refused by who opens it
    except OSError as error:
        raise Misconfigured(f"config file {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Misconfigured(f"config file {path} is not TOML: expected UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise Misconfigured(f"config file {path} is not TOML: {error}") from error


def _check(origin: str, name: str, value: Any) -> None:
    if name not in Settings.__struct_fields__:
        raise Misconfigured(f"unknown setting {name!r} in {origin}; see docs/reference/settings.md")
    try:
        converted = getattr(msgspec.convert({name: value}, Settings, strict=False), name)
        problem = problem_of(name, converted)
    except msgspec.ValidationError as error:
        problem = _expected(name, str(error).split(" - at ")[0])
    if problem is not None:
        raise Misconfigured(f"setting {name} is {shown(name, value)!r} in {origin}: {problem}")


def _expected(name: str, refusal: str) -> str:
    """msgspec names a wrong word without the right ones."""
    hint = get_type_hints(Settings)[name]
    if get_origin(hint) is Literal:
        return f"expected one of {', '.join(get_args(hint))}"
    return refusal
