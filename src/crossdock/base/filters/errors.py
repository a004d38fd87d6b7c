"""What is wrong with a filter."""

from crossdock.base.errors import Misconfigured


class FilterError(Misconfigured):
    """The filter cannot be used; a destination that has it anyway is sent nothing.

    `field` leads into the filter (`if`, `actions/0/percent`).
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
