"""The line that Ctrl-C ends a command with. It loads nothing, so that it can be printed from the first moment on."""

from __future__ import annotations

import sys

INTERRUPTED_EXIT_CODE = 130
"""What shells use for a command ended by Ctrl-C."""


def interrupted() -> int:
    """Say that nothing half written was left, and return the exit code."""
    print("interrupted: nothing half written was left", file=sys.stderr)
    return INTERRUPTED_EXIT_CODE
