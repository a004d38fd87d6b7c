"""Kissmetrics: people, what they did and what is known of them, one request a call."""
