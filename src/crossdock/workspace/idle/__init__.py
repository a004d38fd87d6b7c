"""Sources that nothing is connected to are disabled after a while: `deciding` says when,
`settling` ends the count where something is connected, `watching` does it in rounds."""
