"""What the settings of all methods have in common.

Each method declares its settings once, in its ``config.py``: frozen dataclasses that load no torch, whose fields are
the flags of ``editorbot train`` and the keys of a ``--config`` file, and whose docstrings are the help text.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import tyro

from editorbot.errors import UsageError

LearningRate = Annotated[float, tyro.conf.arg(aliases=("--lr",))]
"""A learning rate; ``--lr`` sets it too."""

Device = Literal["auto", "cpu", "cuda"]
"""Where to train."""


def check_least(settings: object, least: int, *names: str) -> None:
    """Raise a UsageError if a number of the settings is below a limit."""
    for name in names:
        if not (value := getattr(settings, name)) >= least:  # NaN neither
            raise UsageError(f"{name} must be at least {least}, but is {value}")


def save_folder(given: Path | None, beside: Path | None, otherwise: str) -> Path:
    """Choose the folder of a run: the one given, else that of the checkpoint it begins with, else the method's."""
    return given or (beside.parent if beside else Path(otherwise))


def log_folder(given: Path | None, save: Path) -> Path:
    """Choose the folder for TensorBoard: the one given, else ``logs/NAME``, NAME that of the run's folder."""
    return given or Path("logs") / save.name
