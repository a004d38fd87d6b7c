"""Measures how fast Crossdock is, each figure beside a baseline of the same minute and machine."""
