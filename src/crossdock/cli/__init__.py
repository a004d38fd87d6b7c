"""The command line: starts the processes and steers an installation."""
