"""Keen: each event into the collection of its name."""
