"""Webhook: each event, or a batch of them, as JSON to a URL of the user's own."""
