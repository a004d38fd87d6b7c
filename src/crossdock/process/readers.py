"""The names under which process's own readers keep cursors, and which log each reads."""

from typing import Final

TALLY: Final = "tally"
"""Of the events log: what the state database has learned from summaries."""
RECEIPTS: Final = "receipts"
"""Of the inbox: what is counted as received."""
PROCESS: Final = "process"
"""Of the inbox: how far the summaries that `tally` has counted reach. Kept by the tally, in the
same transaction, so that received, settled and unprocessed can be compared at one moment."""
INBOX_READERS: Final = (RECEIPTS, PROCESS)
COMMIT_EVERY_S: Final = 1.0
"""While there is little to do; a full portion is committed at once."""
