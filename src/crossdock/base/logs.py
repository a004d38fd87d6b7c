"""Logs: one JSON object a line on standard error, secrets masked, other libraries' lines too."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import msgspec
import structlog

from crossdock.base.ids import mask

_SECRET_WORDS = ("write_key", "writekey", "secret", "password", "token", "authorization")
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_TEXT_CHARS_MAX = 4096
"""Longer values are cut: a log line is no place for a body."""


def configure(level: str, process: str, stream: TextIO | None = None) -> None:
    """Send this process's logs to `stream` (standard error), each line with its process.

    Call once at start, before the first line. Values whose name speaks of a secret are masked
    whatever the caller thought.
    """
    out = stream or sys.stderr
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        _named(process),
        structlog.processors.format_exc_info,
        _mask_secrets,
        _cut_long,
    ]
    renderer = structlog.processors.JSONRenderer(serializer=_as_json)
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(file=out),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=max(_LEVELS[level], 30), force=True)


def logger(room: str) -> structlog.typing.FilteringBoundLogger:
    """`logger("collect")`: its lines carry `room`. Safe to call at import."""
    bound: structlog.typing.FilteringBoundLogger = structlog.get_logger(room=room)
    return bound


def _named(process: str) -> structlog.typing.Processor:
    def add(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        line["process"] = process
        return line

    return add


def _mask_secrets(
    _logger: Any, _method: str, line: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    for name, value in line.items():
        if isinstance(value, str) and any(word in name.lower() for word in _SECRET_WORDS):
            line[name] = value if "***(" in value else mask(value)
    return line


def _cut_long(
    _logger: Any, _method: str, line: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    for name, value in line.items():
        if isinstance(value, str) and len(value) > _TEXT_CHARS_MAX:
            line[name] = f"{value[:_TEXT_CHARS_MAX]}... ({len(value)} characters)"
    return line


def _as_json(line: Any, **_options: Any) -> str:
    return msgspec.json.encode(line, enc_hook=repr).decode()
