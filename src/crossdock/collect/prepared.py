"""What follows from a request's head alone, worked out once: clients that keep a connection send
the same head with each event, and only the body and the moment differ."""

from crossdock.base.records import InboxPacker
from crossdock.collect.keys import KeyTable
from crossdock.collect.storing import Append


class Prepared:
    """Holds for one key table and one peer's address.

    packer  makes the records; None where requests with this head must go the long way
    append  what each of them promises; its record is handed over beside it
    """

    __slots__ = ("address", "append", "keys", "packer")

    def __init__(
        self, keys: KeyTable, address: str, packer: InboxPacker | None, append: Append
    ) -> None:
        self.keys = keys
        self.address = address
        self.packer = packer
        self.append = append
