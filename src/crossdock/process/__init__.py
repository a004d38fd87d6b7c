"""Stage 3: inbox to events, exactly once: validates, deduplicates, stamps, counts."""
