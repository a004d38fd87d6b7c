"""What stands between a source and a destination: filters, and mappings (the Public API says
subscriptions). Both are checked when they are saved, so that none fails when events come."""
