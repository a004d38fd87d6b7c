"""The commands. Modules here import little at the top: a command pays for what it uses."""

import os
import sys


def main() -> None:
    """The `crossdock` command. Ends the process with a documented exit code."""
    from crossdock.base.lifeline import follow_starter
    from crossdock.base.metrics_folder import keep_private
    from crossdock.cli.program import run

    os.umask(0o077)  # what stands in a data folder is its owner's
    follow_starter()
    keep_private()
    sys.exit(run(sys.argv[1:]))
