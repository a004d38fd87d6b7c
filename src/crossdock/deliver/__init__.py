"""Stage 4: events to destinations, a cursor each: routes, batches, retries, dead letters.
The ledger and the trace stand here too, since they read what all stages counted."""
