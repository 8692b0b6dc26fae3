"""``editorbot pairs``: work on pairs of raw recording and edit, one file a command."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import tyro

from editorbot.cli.pairs.align import Align
from editorbot.cli.pairs.augment import Augment
from editorbot.cli.pairs.labels import Labels
from editorbot.cli.pairs.precache import Precache
from editorbot.cli.pairs.simulate import Simulate
from editorbot.cli.pairs.stems import Stems

Action = (
    Annotated[Align, tyro.conf.subcommand("align")]
    | Annotated[Simulate, tyro.conf.subcommand("simulate")]
    | Annotated[Labels, tyro.conf.subcommand("labels")]
    | Annotated[Augment, tyro.conf.subcommand("augment")]
    | Annotated[Precache, tyro.conf.subcommand("precache")]
    | Annotated[Stems, tyro.conf.subcommand("stems")]
)


@dataclass(frozen=True)
class Pairs:
    """Work with pairs of raw recordings and edits: make them, align them, learn from them."""

    action: Action
    """What to do."""

    def run(self) -> int:
        """Run the chosen command; return its exit code."""
        return self.action.run()
