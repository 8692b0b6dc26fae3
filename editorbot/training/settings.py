"""What the settings of all methods have in common.

Each method declares its settings once, in its ``config.py``: frozen dataclasses that load no torch, whose fields are
the flags of ``editorbot train`` and the keys of a ``--config`` file, and whose docstrings are the help text.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import tyro

from editorbot.errors import UsageError

LearningRate = Annotated[float, tyro.conf.arg(aliases=("--lr",))]
"""A learning rate; ``--lr`` sets it too."""

Device = Literal["auto", "cpu", "cuda"]
"""Where to train."""


@dataclass(frozen=True)
class RunSettings:
    """Where a run is kept; the base of each method's settings."""

    default_folder: ClassVar[str]
    """Folder of a run that names none."""

    cache_dir: Path = Path("cache")
    """Folder that keeps what is computed of the music for later runs, e.g. --cache-dir /tmp/cache."""
    save_dir: Path | None = None
    """Folder for latest.pt, best.pt, the finished weights and their card; by default the method's folder in models, or
    that of --resume, e.g. --save-dir models/mine."""
    log_dir: Path | None = None
    """Folder for TensorBoard; by default logs/NAME, NAME that of the save folder, e.g. --log-dir logs/mine."""
    resume: Path | None = None
    """Checkpoint latest.pt of a run that was broken off; none by default, e.g. --resume models/mine/latest.pt."""

    @property
    def save(self) -> Path:
        """Folder of the run."""
        return self.save_dir or (self.resume.parent if self.resume else Path(self.default_folder))

    @property
    def log(self) -> Path:
        """Folder for TensorBoard."""
        return self.log_dir or Path("logs") / self.save.name


def check_least(settings: object, least: int, *names: str) -> None:
    """Raise a UsageError if a number of the settings is below a limit, or NaN."""
    for name in names:
        if not (value := getattr(settings, name)) >= least:
            raise UsageError(f"{name} must be at least {least}, but is {value}")


def check_above(settings: object, limit: int, *names: str) -> None:
    """Raise a UsageError if a number of the settings is at a limit or below it, or NaN."""
    for name in names:
        if not (value := getattr(settings, name)) > limit:
            raise UsageError(f"{name} must be above {limit}, but is {value}")


def check_between(settings: object, least: int, most: int, *names: str) -> None:
    """Raise a UsageError if a number of the settings is outside a range, whose limits are inside, or NaN."""
    for name in names:
        if not least <= (value := getattr(settings, name)) <= most:
            raise UsageError(f"{name} must be from {least} to {most}, but is {value}")
