"""``editorbot train reconstruct`` and what it shares with ``mel2mel``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

from editorbot.cli.command_line import told_command
from editorbot.errors import UsageError, printable


@dataclass(frozen=True)
class MelCommand:
    """Flags of both trainings of tone."""

    data_dir: str | None = None
    """Folder of pairs: input/NAME_raw.wav beside desired_output/NAME_edit.wav."""
    tracks: tuple[str, ...] = ()
    """Finished tracks, or folders of them (an artist each), that are ruined to learn from."""
    valid_tracks: tuple[str, ...] = ()
    """Finished tracks of other artists, to choose the best epoch on; by default pairs of a tenth of the artists."""
    count: int = 600
    """Ruined stretches to learn from."""
    valid_count: int = 60
    """Ruined stretches to choose on."""
    again: int = 4
    """How often each of the stretches to learn from is ruined again, in other ways."""
    preset: Literal["full", "small"] = "full"
    """full is for a GPU; small learns on a CPU, and ships."""
    epochs: int | None = None
    """Passes over the examples; the preset's where it is left out."""
    batch_size: int | None = None
    """Windows a step."""
    learning_rate: float | None = None
    """Highest learning rate."""
    l1_weight: float | None = None
    """What the distance of the mels counts."""
    multiscale_stft_weight: float | None = None
    """What the distance of the sounds counts."""
    edit_consistency_weight: float | None = None
    """What changes of shape count where the raw recording is kept."""
    seed: int = 0
    """The same seed gives the same weights."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to train; auto takes a GPU where there is one."""
    workers: int = 1
    """Processes that make examples; the results are the same."""
    threads: int = 1
    """Threads that train."""
    cache_dir: str = "cache"
    """Examples once made are kept there."""
    save_dir: str | None = None
    """Folder for best.pt, latest.pt, the weights and their card; by default models/ and the method's name."""
    log_dir: str | None = None
    """Folder for TensorBoard; by default logs/ and the method's name."""
    resume: str | None = None
    """Checkpoint to go on from; a run that is started again with the same flags goes on by itself."""
    debug: bool = False
    """Show the whole trace of an error."""

    method: ClassVar[str] = ""

    def run(self) -> int:
        """Train; return the exit code."""
        if not (self.tracks or self.data_dir):
            raise UsageError("nothing to learn from; give --data-dir with pairs, or --tracks with finished music")
        if self.tracks and not (self.valid_tracks or self.data_dir):
            raise UsageError("give --valid-tracks: music of artists that are in none of the --tracks")
        if min(self.count, self.valid_count, self.workers, self.threads) < 1 or self.again < 0:
            raise UsageError("--count, --valid-count, --workers and --threads must be at least 1, --again at least 0")
        from editorbot.training.mel.run import run_mel

        result = run_mel(self._run(), on_line=lambda line: print(line, flush=True))
        before, after = result.metrics["val/raw_db"], result.metrics["val/edited_db"]
        print(f"distance to the finished tracks {before:.2f} dB before, {after:.2f} dB after (validation)")
        print(f"the weights are {printable(str(result.path))}; edit takes them with --polish-checkpoint")
        return 0

    def _run(self) -> Any:
        from editorbot.training.mel.run import MelRun

        save = self.save_dir or (str(Path(self.resume).parent) if self.resume else f"models/{self.method}")
        return MelRun(
            method=self.method,
            training=self._training(),
            data_dir=Path(self.data_dir) if self.data_dir else None,
            tracks=tuple(map(Path, self.tracks)),
            valid_tracks=tuple(map(Path, self.valid_tracks)),
            count=self.count,
            valid_count=self.valid_count,
            again=self.again,
            workers=self.workers,
            threads=self.threads,
            cache=Path(self.cache_dir),
            save=Path(save),
            log=Path(self.log_dir or f"logs/{self.method}"),
            resume=Path(self.resume) if self.resume else None,
            command=told_command(),
        )

    def _training(self) -> Any:
        """Return the preset's training with what the flags change."""
        from editorbot.training.machine import device_of
        from editorbot.training.mel import mel2mel, reconstruct

        method = reconstruct if self.method == "reconstruct" else mel2mel
        preset = method.SMALL if self.preset == "small" else method.DEFAULT
        names = ("l1_weight", "multiscale_stft_weight", "edit_consistency_weight")
        weights = replace(preset.weights, **self._given(*names))
        given = self._given("epochs", "batch_size", "learning_rate")
        return replace(preset, weights=weights, seed=self.seed, device=device_of(self.device), **given)

    def _given(self, *names: str) -> dict[str, Any]:
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}


@dataclass(frozen=True)
class Reconstruct(MelCommand):
    """Train how a raw recording sounds when it is finished, from its mel and the edit's labels."""

    method: ClassVar[str] = "reconstruct"
