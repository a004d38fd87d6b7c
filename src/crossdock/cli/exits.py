"""Exit codes: one place, documented in docs/reference/exit-codes.md. Scripts may rely on them."""

from crossdock.base.errors import (
    Busy,
    Corrupt,
    CrossdockError,
    Fenced,
    Misconfigured,
    Rejected,
    Retryable,
)

OK = 0
CHECK_FAILED = 1
USAGE = 2
MISCONFIGURED = 3
REFUSED = 4
TRY_AGAIN = 5
CORRUPT = 6
BUG = 70
INTERRUPTED = 130

MEANINGS = {
    OK: "Done.",
    CHECK_FAILED: "The command ran and what it checked is not right: the ledger does not balance, "
    "`doctor` found an error, a warehouse load failed.",
    USAGE: "The command line is wrong: an unknown option, a missing argument.",
    MISCONFIGURED: "A setting is wrong, or the data folder cannot be used (newer data, a second "
    "`serve`). The message says what to change.",
    REFUSED: "What was asked for does not exist, is taken, or is over a limit.",
    TRY_AGAIN: "Something did not answer in time; the same command may work later.",
    CORRUPT: "Stored data cannot be read back. Nothing was changed; look before going on.",
    BUG: "A fault of Crossdock: please report it with the trace on standard error.",
    INTERRUPTED: "Stopped by Ctrl-C.",
}

_BY_ERROR: tuple[tuple[type[CrossdockError], int, str], ...] = (
    (Misconfigured, MISCONFIGURED, "misconfigured"),
    (Rejected, REFUSED, "rejected"),
    (Busy, TRY_AGAIN, "busy"),
    (Retryable, TRY_AGAIN, "retryable"),
    (Fenced, TRY_AGAIN, "fenced"),
    (Corrupt, CORRUPT, "corrupt"),
)


def of_error(error: CrossdockError) -> tuple[int, str]:
    """(exit code, type of the error for `--json`)."""
    if isinstance(error, Rejected):
        return REFUSED, error.code
    for kind, code, name in _BY_ERROR:
        if isinstance(error, kind):
            return code, name
    return CHECK_FAILED, "failed"
