"""The audit trail: who changed what, with before and after. `Change.audit` writes it in the
change's own transaction; here it is read, exported as CSV, and forgotten when it is old."""
