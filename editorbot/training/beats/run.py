"""``train beats`` from beginning to end: music, examples, the network, the weights that ship.

Examples are kept in the cache, and the network after each epoch, so that a run that is started again with the same
settings ends with the weights that an unbroken run ends with.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch

from editorbot.analysis.beat_net import FORMAT, INPUTS_VERSION, OUTPUTS, BeatNetConfig
from editorbot.config import plain_data
from editorbot.corpus.band.play import find_soundfont
from editorbot.corpus.batch import run_batch
from editorbot.errors import UsageError, printable
from editorbot.models.beat_net import BeatNetwork
from editorbot.training.beats.config import BeatsSettings
from editorbot.training.beats.examples import BeatExample, keep_example, kept_example, make_example
from editorbot.training.beats.train import BeatsRun
from editorbot.training.run_folder import OnLine, RunFolder, RunHeader, arrays_of, card_of, silent
from editorbot.weights import write_weights

SHAPE = BeatNetConfig()
"""The shape of the network that ships."""

FEATURES = f"beat inputs {INPUTS_VERSION}"
"""What a checkpoint says of its inputs."""


def train(settings: BeatsSettings, *, command: str = "", on_line: OnLine = silent) -> Path:
    """Make examples, train, write the weights and their card; return the weights' path.

    Raises
    ------
    UsageError
        If there is no MIDI file where one is named.
    NotFoundError
        If no sound font is found.
    """
    torch.set_num_threads(settings.threads)
    on_line(f"training on the CPU with {settings.threads} threads; the network is too small to gain from a GPU")
    soundfont, midi = find_soundfont(settings.soundfont), midi_files(settings.midi)
    examples, digest = _examples(settings, soundfont, midi, on_line)
    on_line(f"{len(examples)} examples with {sum(len(example.beats_s) for example in examples)} beats")
    config = plain_data({**asdict(settings.training), **asdict(SHAPE)})
    header = RunHeader("beats", config, digest, settings.training.seed, features=FEATURES)
    folder = RunFolder(header, settings.save, log=settings.log, on_line=on_line, automatic=True)
    with torch.random.fork_rng(), folder:
        run = BeatsRun(examples, settings.training, SHAPE)
        if found := folder.resume(settings.resume):
            run.load(found)
        while run.epoch < settings.training.epochs:
            metrics = run.train_epoch()
            folder.keep(run.epoch, metrics, weights=run.network.state_dict(), training=run.training_state())
    path = settings.save / "beats.safetensors"
    data = f"{settings.count} minutes of a virtual band on {soundfont.name}: made-up pieces"
    data += f" and {len(midi)} MIDI files" if midi else ""
    write_beat_net(run.network, path, card=card_of(header, data=data, training=settings.training, command=command))
    on_line(f"the weights are {printable(str(path))}, their card is beside them")
    return path


def midi_files(named: Sequence[Path]) -> tuple[Path, ...]:
    """List the MIDI files named, those in folders too, in order; a UsageError says where there is none."""
    found: list[Path] = []
    for path in named:
        inside = (
            sorted(p for p in path.rglob("*") if p.suffix.lower() in (".mid", ".midi")) if path.is_dir() else [path]
        )
        if not inside or not inside[0].is_file():
            raise UsageError(f"there is no MIDI file at {printable(str(path))}; name .mid files or folders of them")
        found += inside
    return tuple(found)


def _examples(
    settings: BeatsSettings, soundfont: Path, midi: tuple[Path, ...], on_line: OnLine
) -> tuple[list[BeatExample], str]:
    """Make or find the examples of a run; return them and the digest of what they were made from."""
    known = hashlib.sha256(soundfont.read_bytes())
    for path in midi:
        known.update(path.read_bytes())
    source, seed = known.hexdigest()[:16], settings.training.seed
    folder = settings.cache_dir / "beats" / f"{source}_{seed}_{INPUTS_VERSION}"
    paths = [folder / f"{number:05d}.npz" for number in range(settings.count)]
    missing = [number for number, path in enumerate(paths) if kept_example(path) is None]
    make = partial(_make, seed=seed, midi=midi, soundfont=soundfont, folder=folder)
    if missing:
        on_line(f"making {len(missing)} examples")
    for done in run_batch(missing, make, workers=settings.workers):
        if done.error is not None:
            raise done.error
    found = map(kept_example, paths)
    return [example for example in found if example is not None], f"{source}:{settings.count}"


def _make(number: int, *, seed: int, midi: Sequence[Path], soundfont: Path, folder: Path) -> None:
    keep_example(folder / f"{number:05d}.npz", make_example(number, seed, midi, soundfont.read_bytes()))


def write_beat_net(network: BeatNetwork, path: Path, *, card: dict[str, Any]) -> None:
    """Write a network as it ships."""
    shape = {"inputs_version": INPUTS_VERSION, "outputs": list(OUTPUTS), "config": asdict(network.config)}
    write_weights(path, arrays_of(network.state_dict()), {"format": FORMAT, **shape, **card})
