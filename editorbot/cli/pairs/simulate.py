"""``editorbot pairs simulate``: raw jams, made from finished tracks."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from editorbot.analysis import BeatTracker
from editorbot.errors import EditorbotError, UsageError, printable
from editorbot.timebase import clock

if TYPE_CHECKING:
    from editorbot.corpus.simulate.folder import Made, Order
    from editorbot.corpus.simulate.settings import Simulation

Names = Annotated[tuple[str, ...], tyro.conf.arg(metavar="[KIND ...]")]


@dataclass(frozen=True)
class Simulate:
    """Ruin finished tracks into believable jams, of which the right edit is known."""

    tracks: tyro.conf.Positional[tuple[str, ...]]
    """Finished tracks, or folders of them; a folder is taken for the artist of the tracks in it."""
    out: str = "training_data"
    """Folder for input/NAME_raw.wav, desired_output/NAME_edit.wav and truth/NAME.json."""
    count: int = 10
    """How many jams to make."""
    seed: int = 0
    """The same seed makes the same jams."""
    only: Names = ()
    """Faults that happen, and no others: talk, count-in, false-start, vamp ...."""
    without: Names = ()
    """Faults, or tricks of the recording (room, hiss, codec ...), that do not happen."""
    talk: str | None = None
    """Folder of recorded talk, which is heard beside the made-up voices."""
    rate: int = 22_050
    """Sample rate of the jams; the default is what all learned editors listen at."""
    beat_tracker: BeatTracker = "embedded"
    """Who finds beats and bars: the network that ships, or the package beat-this (slower; needs the extra beats)."""
    workers: int = 1
    """Jams that are made at the same time; they come out the same."""
    force: bool = False
    """Make again what is there already."""
    debug: bool = False
    """Show the whole trace of an error."""

    def run(self) -> int:
        """Make the jams; return the exit code."""
        from editorbot.analysis.analyze import check_tracker
        from editorbot.corpus.simulate.folder import Order, find_tracks, make_all

        settings = self._settings()
        check_tracker(self.beat_tracker)
        if self.count < 1 or self.workers < 1:
            raise UsageError(f"--count and --workers must be at least 1, but are {self.count} and {self.workers}")
        if not 8_000 <= self.rate <= 48_000:
            raise UsageError(f"--rate must lie between 8000 and 48000, but is {self.rate}")
        if not self.tracks:
            raise UsageError("no tracks were given; name files or folders of finished music")
        order = Order(
            tracks=find_tracks(self.tracks),
            out=Path(self.out),
            count=self.count,
            seed=self.seed,
            rate=self.rate,
            settings=settings,
            talk=find_tracks([self.talk]) if self.talk else (),
            force=self.force,
            beat_tracker=self.beat_tracker,
        )
        return self._make(order, make_all)

    def _make(self, order: Order, make_all) -> int:  # type: ignore[no-untyped-def]
        made: list[Made] = []
        said: set[str] = set()

        def on_made(one: Made) -> None:
            made.append(one)
            _print_made(one, said)

        make_all(order, workers=self.workers, on_made=on_made)
        errors = [one.error for one in made if one.error is not None]
        there = sum(one.was_there for one in made)
        done = len(made) - len(errors) - there
        passed = f", {there} were there already" if there else ""
        print(f"{done} jams made{passed}, {len(errors)} problems; they are in {printable(self.out)}")
        return errors[0].exit_code if errors else 0

    def _settings(self) -> Simulation:
        from editorbot.corpus.simulate import FAULTS, FINISHES, Simulation, without

        unknown = [name for name in self.only if name not in FAULTS]
        unknown += [name for name in self.without if name not in (*FAULTS, *FINISHES)]
        if unknown:
            raise UsageError(
                f"{unknown[0]!r} is no fault; known: {', '.join(FAULTS)}; --without knows {', '.join(FINISHES)} too"
            )
        settings = Simulation(faults=tuple(name for name in FAULTS if name in self.only)) if self.only else Simulation()
        return without(settings, *self.without)


def _print_made(one: Made, said: set[str]) -> None:
    """Print one line of what was made, or of what went wrong; of each track that cannot be used, once."""
    if isinstance(one.error, EditorbotError):
        line = str(one.error)
        if line not in said:
            print(line, file=sys.stderr)
            said.add(line)
    elif not one.was_there:
        print(f"{printable(one.sample)}: {clock(one.duration_s)}, {', '.join(one.faults)}")
