"""Numbers of a command line that no command can work with, refused before it runs."""

from __future__ import annotations

import math
from dataclasses import fields, is_dataclass

from editorbot.errors import UsageError

SEEDS = 2**63
"""Seeds lie below: what every generator of random numbers takes."""


def check_numbers(command: object) -> None:
    """Refuse a command's numbers that are none, learning rates and weights below 0, and seeds that no generator takes.

    Raises
    ------
    UsageError
        Names the first flag.
    """
    if not is_dataclass(command):
        return
    for field in fields(command):
        value, flag = getattr(command, field.name), "--" + field.name.replace("_", "-")
        if isinstance(value, float) and not math.isfinite(value):
            raise UsageError(f"{flag} must be a finite number, but is {value}")
        if field.name in ("lr", "learning_rate") and value is not None and value <= 0:
            raise UsageError(f"{flag} must be above 0, but is {value}")
        if field.name.endswith("_weight") and value is not None and value < 0:
            raise UsageError(f"{flag} must not be negative, but is {value}")
        if field.name == "seed" and value is not None and not 0 <= value < SEEDS:
            raise UsageError(f"{flag} must be a whole number from 0 to 2^63 - 1, but is {value}")
        check_numbers(value)
