"""People and how they sign in: persons, passwords, sessions, second factors, one-time links.

`acting.People` runs everything here in transactions; a person belongs to the installation, and to
workspaces by `members`.
"""
