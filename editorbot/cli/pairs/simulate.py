"""``editorbot pairs simulate``: raw jams made from finished tracks."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from editorbot.analysis import BeatTracker
from editorbot.errors import UsageError, printable
from editorbot.timebase import clock

if TYPE_CHECKING:
    from editorbot.corpus.simulate.folder import JamResult
    from editorbot.corpus.simulate.plan import Simulation

Names = Annotated[tuple[str, ...], tyro.conf.arg(metavar="[KIND ...]")]


@dataclass(frozen=True)
class Simulate:
    """Turn finished tracks into believable jams of which the right edit is known.

    Example: editorbot pairs simulate my_tracks/ --count 100 --out training_data
    """

    tracks: tyro.conf.Positional[tuple[str, ...]]
    """Finished tracks, or folders of them; the name of a folder is the artist of its tracks."""
    out: str = "training_data"
    """Folder for input/NAME_raw.wav, desired_output/NAME_edit.wav and truth/NAME.json."""
    count: int = 10
    """How many jams to make."""
    seed: int = 0
    """Seed of everything that is drawn; the same seed makes the same jams."""
    only: Names = ()
    """The only faults that may happen, for example --only talk false-start vamp; all by default."""
    without: Names = ()
    """Faults and recording effects to leave out, for example --without vamp codec."""
    talk: str | None = None
    """Folder of recorded talk, used beside the made-up voices."""
    rate: int = 22_050
    """Sample rate of the jams [Hz]; learned editors work at the default."""
    beat_tracker: BeatTracker = "embedded"
    """Who finds beats and bars: the network that ships, or the package beat-this (slower; needs the extra beats)."""
    workers: int = 1
    """Processes at work; the jams do not depend on it."""
    force: bool = False
    """Make jams again that are there already."""
    debug: bool = False
    """Show the whole trace of an error."""

    def run(self) -> int:
        """Make the jams; return the exit code."""
        from editorbot.analysis.trackers import check_tracker
        from editorbot.corpus.simulate.folder import JamRequest, find_tracks, make_jams

        settings = self._settings()
        check_tracker(self.beat_tracker)
        if self.count < 1 or self.workers < 1:
            raise UsageError(f"--count and --workers must be at least 1, but are {self.count} and {self.workers}")
        if not 8_000 <= self.rate <= 48_000:
            raise UsageError(f"--rate must be between 8000 and 48000, but is {self.rate}")
        if not self.tracks:
            raise UsageError("no tracks were given; name files or folders of finished music")
        request = JamRequest(
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
        results: list[JamResult] = []
        shown: set[str] = set()

        def on_result(result: JamResult) -> None:
            results.append(result)
            _print_result(result, shown)

        make_jams(request, workers=self.workers, on_result=on_result)
        errors = [result.error for result in results if result.error is not None]
        there = sum(result.was_there for result in results)
        done = len(results) - len(errors) - there
        passed = f", {there} were there already" if there else ""
        print(f"{done} jams made{passed}, {len(errors)} problems; they are in {printable(self.out)}")
        return errors[0].exit_code if errors else 0

    def _settings(self) -> Simulation:
        from editorbot.corpus.simulate import FAULTS, RECORDING_EFFECTS, Simulation

        unknown = [name for name in self.only if name not in FAULTS]
        unknown += [name for name in self.without if name not in (*FAULTS, *RECORDING_EFFECTS)]
        if unknown:
            also = f"--without also takes {', '.join(RECORDING_EFFECTS)}"
            raise UsageError(f"{unknown[0]!r} is no fault; known: {', '.join(FAULTS)}; {also}")
        settings = Simulation(faults=tuple(name for name in FAULTS if name in self.only)) if self.only else Simulation()
        return settings.without(*self.without)


def _print_result(result: JamResult, shown: set[str]) -> None:
    """Print a line for each jam; errors that many jams of one track share only once."""
    if result.error is not None:
        line = str(result.error)
        if line not in shown:
            print(line, file=sys.stderr)
            shown.add(line)
    elif not result.was_there:
        print(f"{printable(result.sample)}: {clock(result.duration_s)}, {', '.join(result.faults)}")
