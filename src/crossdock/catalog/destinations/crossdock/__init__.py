"""Crossdock: events to another workspace, of Crossdock or of Segment."""
