"""The workspace as code: a YAML file that says what a workspace holds. `exporting` writes it,
`reading` reads it with the line of everything, `planning` compares it with what is there, and
`applying` makes it so in one transaction."""
