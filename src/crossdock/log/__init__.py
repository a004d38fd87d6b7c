"""The durable log: topics, partitions, append (returns when durable), read from an offset.
Knows nothing of what the records mean."""
