"""``editorbot train``: one file a method."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Annotated

import tyro

from editorbot.cli.train.bc import Bc
from editorbot.cli.train.beats import Beats
from editorbot.cli.train.mel2mel import Mel2Mel
from editorbot.cli.train.pointer import Pointer
from editorbot.cli.train.ppo import Ppo
from editorbot.cli.train.reconstruct import Reconstruct
from editorbot.cli.train.scored import Scored
from editorbot.extras import missing_extra

Method = (
    Annotated[Scored, tyro.conf.subcommand("scored")]
    | Annotated[Beats, tyro.conf.subcommand("beats")]
    | Annotated[Bc, tyro.conf.subcommand("bc")]
    | Annotated[Ppo, tyro.conf.subcommand("ppo")]
    | Annotated[Pointer, tyro.conf.subcommand("pointer")]
    | Annotated[Reconstruct, tyro.conf.subcommand("reconstruct")]
    | Annotated[Mel2Mel, tyro.conf.subcommand("mel2mel")]
)


@dataclass(frozen=True)
class Train:
    """Train what editorbot has learned anew, on your own music or pairs."""

    method: Method
    """What to train."""

    def run(self) -> int:
        """Run the chosen training; return its exit code."""
        if find_spec("torch") is None:
            raise missing_extra("learn", "training needs torch")
        return self.method.run()
