"""Segment's Public API under `/api`, and additions of ours beside it, for the app, the CLI and
programs alike. `routes/` holds the operations, a file a resource; each is a thin shell around a
service of `workspace/`, which checks rights. `answering` and `paging` give them their shape."""
