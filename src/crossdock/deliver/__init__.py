"""Stage 4: events to destinations, a cursor each. `delivery.Delivery` runs a `lane` for each one,
`retention.Retention` drops the old end of the logs. `ledger.balance`, `trace.trace` and
`resending.resend` stand here too, since they read what all stages counted."""
