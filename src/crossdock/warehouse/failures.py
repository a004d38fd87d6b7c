"""What went wrong with a sync, in words that say what to do: errors of the engines become notices
with a remedy."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from crossdock.base.errors import CrossdockError, Permanent, Retryable
from crossdock.warehouse.plan import Table

MESSAGE_CHARS_MAX = 1_000
NOTICES_MAX = 200

Level = Literal["info", "warning", "error"]


class Notice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line of the sync history."""

    level: Level
    code: str
    message: str
    remedy: str = ""
    table: str = ""
    column: str = ""
    count: int = 0


_BY_TEXT: tuple[tuple[str, str, str], ...] = (
    ("password authentication failed", "28P01", "Check the settings username and password."),
    ("no password supplied", "28P01", "Give the setting password."),
    (
        "is not permitted to log in",
        "28000",
        'Run ALTER ROLE "<username>" WITH LOGIN in the database.',
    ),
    ("no pg_hba.conf entry", "28000", "Let this host in (pg_hba.conf), or set sslmode to require."),
    (
        "does not support SSL",
        "ssl_unsupported",
        "Set sslmode to prefer, or turn on TLS in the server.",
    ),
    ("permission denied for database", "42501", "GRANT CREATE, CONNECT ON DATABASE to the user."),
    ("permission denied for schema", "42501", "GRANT ALL ON SCHEMA to the user."),
    ("permission denied for", "42501", "GRANT ALL ON ALL TABLES IN SCHEMA to the user."),
    (
        "must be owner of",
        "42501",
        "Make the user owner of the table, or grant it the owner's role.",
    ),
    ("schema", "3F000", "Create the schema again, or GRANT CREATE ON DATABASE to the user."),
    ("database", "3D000", "Check the setting database."),
    ("Connection refused", "ECONNREFUSED", "Check hostname and port, and that the server runs."),
    ("timeout expired", "ETIMEDOUT", "Check hostname, port and the firewall."),
    ("timed out", "ETIMEDOUT", "Check hostname, port and the firewall."),
    ("could not translate host name", "ENOTFOUND", "Check the setting hostname."),
    ("no such host", "ENOTFOUND", "Check the setting hostname."),
    ("lock timeout", "55P03", "A query holds a table. It is tried again at the next sync."),
    ("server closed the connection", "ECONNRESET", "The server went away; it is tried again."),
    ("too many clients", "53300", "Raise max_connections in the server."),
    ("remaining connection slots", "53300", "Raise max_connections in the server."),
    ("No space left", "53100", "Free disk space; the data waits."),
    ("could not extend file", "53100", "Free disk space; the data waits."),
    ("Out of Memory", "out_of_memory", "Give DuckDB's folder more disk to spill to."),
    (
        "violates not-null constraint",
        "23502",
        "A column added by hand is NOT NULL: give a default.",
    ),
)
_ONLY_WITH_MISSING = {"3F000", "3D000"}


def notice_of(error: BaseException) -> Notice:
    """An error that ended a sync."""
    message = _message(error)
    if isinstance(error, Retryable | Permanent):
        remedy = _remedy(message)[1]
        return Notice(level="error", code=error.code, message=message, remedy=remedy)
    code, remedy = _remedy(message)
    if isinstance(error, CrossdockError):
        code = code or "INVALID_SETTINGS"
    sqlstate = getattr(error, "sqlstate", None)
    return Notice(
        level="error",
        code=str(sqlstate or code or type(error).__name__),
        message=message,
        remedy=remedy or "The range stays where it is and is loaded again at the next sync.",
    )


def _message(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (" ".join(lines) or type(error).__name__)[:MESSAGE_CHARS_MAX]


def _remedy(message: str) -> tuple[str, str]:
    for text, code, remedy in _BY_TEXT:
        if text in message and (code not in _ONLY_WITH_MISSING or "does not exist" in message):
            return code, remedy
    return "", ""


_WHY: dict[str, str] = {
    "type_mismatch": "do not fit the column's type",
    "reserved_column": "have the name of a column that every table has",
    "name_collision": "have another property's name in snake case",
    "too_many_columns": "found no room: the table has as many columns as the engine allows",
    "row_too_wide": "found no room: the row has as many values as the engine allows",
    "unsupported_type": "belong to a column whose type was changed by hand to one that cannot be "
    "loaded",
    "nul_removed": "held U+0000, which this engine's text cannot; it was taken out",
    "key_too_long": "are ids too long for a key",
    "not_an_object": "are not JSON objects",
}


def discards(counted: Mapping[tuple[Table, str, str], int], schema: str) -> list[Notice]:
    """One notice for each column of `schema` that had discards."""
    notices = []
    for (table, column, reason), count in sorted(counted.items()):
        if table[0] == schema:
            notices.append(
                Notice(
                    level="warning",
                    code=reason,
                    message=f"{count} values of {table[1]}.{column} {_WHY[reason]}; "
                    f'they are in "{schema}"."_discards"',
                    table=table[1],
                    column=column,
                    count=count,
                )
            )
    return notices[:NOTICES_MAX]
