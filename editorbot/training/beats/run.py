"""The whole training run of the beat network: music, examples, network, what ships.

Examples are kept, and the network after each epoch with optimizer and schedule,
so that a run goes on where it was broken off and ends with the weights that an
unbroken run ends with.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from editorbot import __version__
from editorbot.analysis.beat_card import FORMAT
from editorbot.analysis.beat_net import INPUTS_VERSION, OUTPUTS, BeatNetConfig
from editorbot.atomic import write_whole
from editorbot.corpus.batch import run_batch
from editorbot.errors import UsageError
from editorbot.models.beat_net import BeatNetwork
from editorbot.models.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from editorbot.training.beats.examples import BeatExample, keep_example, kept_example, make_example
from editorbot.training.beats.train import BeatEpoch, BeatState, BeatTraining, train_beats

SHAPE = BeatNetConfig()
"""The shape of the network that ships."""

FEATURES = f"beat inputs {INPUTS_VERSION}"
"""What a checkpoint says of its inputs."""

METHOD = "beats"
"""Value of the checkpoint's ``method`` field."""


@dataclass(frozen=True)
class BeatRun:
    """What to train on, and where everything goes."""

    soundfont: Path
    """An SF2 file."""
    midi: tuple[Path, ...]
    """MIDI files of the training side; may be empty."""
    count: int
    """Examples, a minute each; every second one is MIDI where there is any."""
    workers: int
    """Processes that make examples."""
    threads: int
    """Threads that train."""
    cache: Path
    """Examples once made are kept there."""
    save: Path
    """Folder for the checkpoint, the weights and their card."""
    training: BeatTraining
    """How to train."""
    shape: BeatNetConfig = SHAPE
    """The network's shape."""
    command: str = ""
    """The command that was typed, for the card."""


def run_beats(run: BeatRun, *, on_line: Callable[[str], None] = lambda line: None) -> Path:
    """Make examples, train, write the weights and their card; return the weights' path.

    Raises
    ------
    UsageError
        If no example is asked for.
    """
    if run.count < 1:
        raise UsageError(f"at least one example is needed, but {run.count} were asked for")
    torch.set_num_threads(run.threads)
    on_line(f"training on the CPU with {run.threads} threads; the network is too small to gain from a GPU")
    examples, digest = examples_of(run, on_line)
    on_line(f"{len(examples)} examples with {sum(len(example.beats_s) for example in examples)} beats")
    network = _train(run, examples, digest, on_line)
    path = run.save / "beats.safetensors"
    write_beat_net(network, path, told=_card(run, digest))
    return path


def examples_of(run: BeatRun, on_line: Callable[[str], None]) -> tuple[list[BeatExample], str]:
    """Return the examples of a run, kept or made, and the digest of what they were made from."""
    soundfont = run.soundfont.read_bytes()
    known = hashlib.sha256(soundfont)
    for path in run.midi:
        known.update(path.read_bytes())
    source = known.hexdigest()[:16]
    folder = run.cache / f"{source}_{run.training.seed}_{INPUTS_VERSION}"
    missing = [n for n in range(run.count) if kept_example(folder / f"{n:05d}.npz") is None]
    make = partial(_make, seed=run.training.seed, midi=run.midi, soundfont=run.soundfont, folder=folder)
    if missing:
        on_line(f"making {len(missing)} examples")
    for done in run_batch(missing, make, workers=run.workers):
        if done.error is not None:
            raise done.error
    found = [kept_example(folder / f"{n:05d}.npz") for n in range(run.count)]
    return [example for example in found if example is not None], f"{source}:{run.count}"


def _make(number: int, *, seed: int, midi: Sequence[Path], soundfont: Path, folder: Path) -> None:
    keep_example(folder / f"{number:05d}.npz", make_example(number, seed, midi, soundfont.read_bytes()))


def _train(run: BeatRun, examples: Sequence[BeatExample], digest: str, on_line: Callable[[str], None]) -> BeatNetwork:
    """Train, going on from the run's own checkpoint where there is one."""
    path = run.save / "latest.pt"
    told = {**asdict(run.training), **asdict(run.shape)}

    def on_epoch(report: BeatEpoch, state: BeatState) -> None:
        on_line(f"epoch {report.epoch}: loss {report.loss:.4f}, learning rate {report.learning_rate:.2g}")
        kept = Checkpoint(
            METHOD, told, dict(state.weights), seed=run.training.seed, step=state.epoch + 1,
            metrics={"train/loss": report.loss}, features=FEATURES, data=digest,
            code_version=__version__, training={"optimizer": state.optimizer, "cycle": state.cycle},
        )  # fmt: skip
        save_checkpoint(kept, path)

    state = _state_at(path, told, digest)
    return train_beats(examples, run.training, run.shape, state=state, on_epoch=on_epoch)


def _state_at(path: Path, told: dict[str, object], digest: str) -> BeatState | None:
    """Return where a run was broken off, None where there is nothing, or another run's."""
    if not path.is_file():
        return None
    found = load_checkpoint(path, method=METHOD)
    same = json.dumps(dict(found.config), default=list) == json.dumps(told, default=list)
    if not same or (found.data, found.features) != (digest, FEATURES):
        return None
    return BeatState(found.step - 1, found.weights, found.training["optimizer"], found.training["cycle"])


def write_beat_net(network: BeatNetwork, path: Path, *, told: dict[str, object]) -> None:
    """Write weights as safetensors and their card as JSON beside them.

    Parameters
    ----------
    network : BeatNetwork
        What was trained.
    path : Path
        Ends in ``.safetensors``.
    told : dict
        What a reader of the card should know: data, seed, command, licence.
    """
    from safetensors.numpy import save

    card = {
        "format": FORMAT,
        "inputs_version": INPUTS_VERSION,
        "outputs": list(OUTPUTS),
        "config": asdict(network.config),
        **told,
    }
    tensors = {name: np.ascontiguousarray(value.numpy()) for name, value in network.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, save(tensors))
    write_whole(path.with_suffix(".json"), (json.dumps(card, indent=2, ensure_ascii=False) + "\n").encode())


def _card(run: BeatRun, digest: str) -> dict[str, object]:
    return {
        "data": f"{run.count} minutes of a virtual band on {run.soundfont.name}: made-up pieces"
        + (f" and {len(run.midi)} MIDI files" if run.midi else ""),
        "data_digest": digest,
        "seed": run.training.seed,
        "training": asdict(run.training),
        "command": run.command,
        "licence": "GPL-3.0-or-later",
        "version": __version__,
    }
