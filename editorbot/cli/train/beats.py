"""``editorbot train beats``: the network that hears beats and downbeats."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from editorbot.cli.command_line import told_command
from editorbot.errors import UsageError, printable


@dataclass(frozen=True)
class Beats:
    """Train the beat tracker's network on a virtual band; needs the extra sim."""

    midi: tuple[str, ...] = ()
    """MIDI files, or folders of them, that the band plays beside what it makes up."""
    soundfont: str | None = None
    """The band's instruments (.sf2); looked for in the system's folders where it is not named."""
    count: int = 1200
    """Minutes of music to train on."""
    epochs: int = 24
    """Passes over them."""
    learning_rate: float = 2e-3
    """Highest learning rate."""
    seed: int = 1
    """The same seed gives the same weights."""
    workers: int = 2
    """Processes that play the music; it comes out the same."""
    threads: int = 1
    """Threads that train."""
    cache_dir: str = "cache"
    """Music once played is kept there."""
    save_dir: str = "models/beats"
    """Folder for the checkpoint, the weights and their card."""
    debug: bool = False
    """Show the whole trace of an error."""

    def run(self) -> int:
        """Train; return the exit code."""
        if min(self.count, self.epochs, self.workers, self.threads) < 1:
            raise UsageError("--count, --epochs, --workers and --threads must be at least 1")
        from editorbot.corpus.band.soundfont import find_soundfont
        from editorbot.training.beats.run import BeatRun, run_beats
        from editorbot.training.beats.train import BeatTraining

        run = BeatRun(
            soundfont=find_soundfont(Path(self.soundfont) if self.soundfont else None),
            midi=_midi_files(self.midi),
            count=self.count,
            workers=self.workers,
            threads=self.threads,
            cache=Path(self.cache_dir) / "beats",
            save=Path(self.save_dir),
            training=BeatTraining(epochs=self.epochs, learning_rate=self.learning_rate, seed=self.seed),
            command=told_command(),
        )
        path = run_beats(run, on_line=lambda line: print(line, flush=True))
        print(f"the weights are {printable(str(path))}; their card lies beside them")
        return 0


def _midi_files(named: tuple[str, ...]) -> tuple[Path, ...]:
    """Return the MIDI files named, folders looked through, in order."""
    found: list[Path] = []
    for name in named:
        path = Path(name)
        inside = (
            sorted(p for p in path.rglob("*") if p.suffix.lower() in (".mid", ".midi")) if path.is_dir() else [path]
        )
        if not inside or not inside[0].is_file():
            raise UsageError(f"there is no MIDI file at {printable(name)}; name .mid files or folders of them")
        found += inside
    return tuple(found)
