"""Stage 5: events to tables: names, types, schema changes, exact loads.

Doors: `sync.sync_warehouse` (one sync), `schedule.Schedule` (when), `opening.check_connection`.
On the way: ranges -> load (flatten, plan, casts) -> sinks -> progress, history.
"""
