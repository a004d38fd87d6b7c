"""Who owns what: sources, destinations, warehouses, tokens, audit; publishes snapshots."""
