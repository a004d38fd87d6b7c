"""What the ledger counted, as the Public API tells it: the delivery overview's six measures, the
volume of events, and usage. Who asks is told only of sources that they may see."""
