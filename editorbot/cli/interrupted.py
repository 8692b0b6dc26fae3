"""What is said when Ctrl-C ends a command; it loads nothing, so that it can be said from the first moment on."""

from __future__ import annotations

import sys

INTERRUPTED_EXIT_CODE = 130
"""What shells use for a command ended by Ctrl-C."""


def interrupted() -> int:
    """Say that nothing half written was left; return the exit code."""
    print("interrupted: nothing half written was left", file=sys.stderr)
    return INTERRUPTED_EXIT_CODE
