"""One tree of errors; the class says who must act and whether to try again.

    CrossdockError
    +-- Rejected        the sender's fault: answered 4xx with a reason
    +-- Busy            too much at once: try again after `retry_after_s`
    +-- Retryable       a passing fault of someone else's: try again
    +-- Permanent       will never work: dead letter
    +-- Misconfigured   the operator must change a setting
    +-- Fenced          another owner took over: this one must stop
    +-- Corrupt         acknowledged data cannot be read back: stop and alarm
    +-- OffsetOutOfRange  retention has passed this offset

Anything else that is raised is our bug.
"""


class CrossdockError(Exception):
    """Root of all errors that Crossdock raises on purpose."""


class Rejected(CrossdockError):
    """The request cannot be taken. `code` is one of `base.reasons` or of the API's error codes;
    `field` names the member that is wrong, dotted, where it is one."""

    def __init__(
        self, code: str, message: str, status: int = 400, field: str | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.field = field


class Busy(CrossdockError):
    """A limit is reached; nothing was taken. `status` is 429 (load) or 503 (storage)."""

    def __init__(self, message: str, retry_after_s: int = 1, status: int = 429) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after_s = retry_after_s
        self.status = status


class Retryable(CrossdockError):
    """May succeed later. `after_s` is the other side's own wish (Retry-After), if it had one.

    `status` and `response` keep what was answered, for people to look at.
    """

    def __init__(
        self,
        code: str,
        message: str,
        after_s: float | None = None,
        *,
        status: int | None = None,
        response: str = "",
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.after_s = after_s
        self.status = status
        self.response = response


class Permanent(CrossdockError):
    """Will fail again however often it is tried: goes to the dead letters."""

    def __init__(
        self, code: str, message: str, *, status: int | None = None, response: str = ""
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.response = response


class Misconfigured(CrossdockError):
    """A setting is wrong. The message names the setting, the value got and what was expected;
    `field` is its name alone, dotted, for programs."""

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class Fenced(CrossdockError):
    """A newer owner holds this partition or lease; whatever this one does now is void."""


class Corrupt(CrossdockError):
    """Acknowledged data cannot be read back. Never repaired by cutting; an operator must look."""


class OffsetOutOfRange(CrossdockError):
    """The offset asked for is older than what retention left; `earliest` is the oldest kept."""

    def __init__(self, topic: str, partition: int, offset: int, earliest: int) -> None:
        super().__init__(
            f"offset {offset} of {topic}/{partition} is gone; the oldest kept is {earliest}"
        )
        self.earliest = earliest
