"""Runs for ``editorbot`` and ``python -m editorbot``."""

import signal
import sys

from editorbot.cli.interrupted import interrupted


def run() -> int:
    """Run one command, and return its exit code; also if Ctrl-C comes while the program is being loaded."""
    try:
        from editorbot.cli.main import main

        exit_code = main()
    except KeyboardInterrupt:
        exit_code = interrupted()
    # The work is done, or given up; nothing that comes now may put a trace behind the last line.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return exit_code


if __name__ == "__main__":
    sys.exit(run())
