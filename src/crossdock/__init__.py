"""Crossdock: collect customer events once, keep every one, send them everywhere."""

__version__ = "0.1.0"
