"""Who may do what: `principals` are who acts, `roles` what roles give, `rights` what one principal
has in one workspace. Services ask `change.access`; nobody else decides."""
