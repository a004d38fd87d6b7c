"""Stage 5: events to tables: names, types, schema changes, exact loads."""
