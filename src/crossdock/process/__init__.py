"""Stage 3: inbox to events, exactly once: validates, deduplicates, stamps, counts.

Doors: `processor.Processor` (the stage), `tally.Tally` and `receipts.Receipts` (what the state
database learns), `locate.find` (a messageId's positions), `summary.Summary` (the trail).
"""
