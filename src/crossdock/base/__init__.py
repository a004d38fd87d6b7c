"""The nouns every room shares (records, positions, snapshot, reasons) and the tools of the door
(clock, ids, errors, settings, metrics). Knows no other room."""
