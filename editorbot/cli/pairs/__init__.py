"""``editorbot pairs``: what is done with pairs of raw recordings and edits, one file a command."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import tyro

from editorbot.cli.pairs.align import Align
from editorbot.cli.pairs.simulate import Simulate

Action = Annotated[Align, tyro.conf.subcommand("align")] | Annotated[Simulate, tyro.conf.subcommand("simulate")]


@dataclass(frozen=True)
class Pairs:
    """Work with pairs of raw recordings and edits: make them, align them, learn from them."""

    action: Action
    """What to do."""

    def run(self) -> int:
        """Run the chosen command; return its exit code."""
        return self.action.run()
