"""``editorbot train mel2mel``: tone learned without labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from editorbot.cli.train.reconstruct import MelCommand


@dataclass(frozen=True)
class Mel2Mel(MelCommand):
    """Train how a raw recording sounds when it is finished, from its mel alone."""

    method: ClassVar[str] = "mel2mel"
