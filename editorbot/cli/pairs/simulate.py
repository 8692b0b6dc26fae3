"""``editorbot pairs simulate``: raw jams, made from finished tracks."""

from __future__ import annotations

from dataclasses import dataclass

import tyro


@dataclass(frozen=True)
class Simulate:
    """Ruin finished tracks into believable jams, of which the right edit is known."""

    tracks: tyro.conf.Positional[tuple[str, ...]]
    """Finished tracks, or folders of them."""
    out: str = "training_data"
    """Folder for input/NAME_raw.wav, desired_output/NAME_edit.wav and truth/NAME.json."""
    count: int = 10
    """How many jams to make."""
    seed: int = 0
    """The same seed makes the same jams."""
    force: bool = False
    """Make again what is there already."""
    debug: bool = False
    """Show the whole trace of an error."""

    def run(self) -> int:
        """Make the jams; return the exit code."""
        from editorbot.errors import UsageError

        raise UsageError("simulation is being built")
