"""``editorbot train``: one file a method."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Annotated

import tyro

from editorbot.cli.train.beats import Beats
from editorbot.cli.train.pointer import Pointer
from editorbot.cli.train.scored import Scored
from editorbot.errors import MissingExtraError

Method = (
    Annotated[Scored, tyro.conf.subcommand("scored")]
    | Annotated[Beats, tyro.conf.subcommand("beats")]
    | Annotated[Pointer, tyro.conf.subcommand("pointer")]
)


@dataclass(frozen=True)
class Train:
    """Train what editorbot has learned anew, on your own music or pairs."""

    method: Method
    """What to train."""

    def run(self) -> int:
        """Run the chosen training; return its exit code."""
        if find_spec("torch") is None:
            raise MissingExtraError("training needs torch; run: pip install editorbot[learn] -c constraints.txt")
        return self.method.run()
