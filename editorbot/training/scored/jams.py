"""Jams to train the learned score on: simulated from finished tracks, or a user's own folder of pairs.

Each becomes one small file of inputs and classes in a cache, so that a training
run that was broken off, or one with more jams, finds what was made before.
"""

from __future__ import annotations

import glob
import hashlib
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np

from editorbot.analysis.analyze import analyze
from editorbot.analysis.cache import code_version
from editorbot.corpus.batch import run_batch
from editorbot.corpus.pairs import RAW_END, RAW_FOLDER
from editorbot.corpus.simulate.folder import JamRequest, make_jam
from editorbot.corpus.truth import TRUTH_FOLDER, read_truth, truth_path, truth_to_json
from editorbot.errors import EditorbotError, EmptyError, FormatError, NotFoundError
from editorbot.recording import TrackWriter, open_recording
from editorbot.training.scored.examples import EXAMPLES_VERSION, example_of, read_example, write_example

JAMS_AT_ONCE = 8
"""Jams that a worker makes before it reports."""


@dataclass(frozen=True)
class MadeExample:
    """One jam that is ready, or why it is not."""

    path: Path
    """Its file in the cache."""
    was_there: bool = False
    """Whether it was made before."""
    error: EditorbotError | None = None
    """What went wrong, if anything did."""


def example_folder(request: JamRequest, cache: Path) -> Path:
    """Return the folder of a request's examples: another for other tracks, settings, seeds."""
    settings = asdict(request.settings)
    settings["finishes"] = settings.pop("recording_effects")  # its name in the digests of earlier versions
    inputs = [EXAMPLES_VERSION, request.seed, request.rate, settings, [path.name for path in request.tracks]]
    inputs += [] if request.beat_tracker == "embedded" else [request.beat_tracker]
    digest = hashlib.sha256(json.dumps(inputs, sort_keys=True, default=list).encode()).hexdigest()[:12]
    return cache / f"jams_s{request.seed}_{digest}"


def make_examples(
    request: JamRequest, cache: Path, *, workers: int = 1, on_made: Callable[[MadeExample], None] = lambda made: None
) -> list[Path]:
    """Return the examples of all jams of a request, made where they miss; one failure never stops the rest.

    Parameters
    ----------
    request : JamRequest
        Tracks, count, seed; `out` is not used.
    cache : Path
        Folder where examples are kept.
    workers : int
        Processes at work; the examples do not depend on it.
    on_made : callable
        Told of each jam.
    """
    folder = example_folder(request, cache)
    folder.mkdir(parents=True, exist_ok=True)
    numbers = range(request.count)
    batches = [numbers[at : at + JAMS_AT_ONCE] for at in range(0, request.count, JAMS_AT_ONCE)]
    made: list[MadeExample] = []
    for done in run_batch(batches, partial(_make_some, request, folder), workers=workers):
        for one in done.result or [MadeExample(_place(folder, number), error=done.error) for number in done.job]:
            made.append(one)
            on_made(one)
    return sorted(one.path for one in made if one.error is None)


def _place(folder: Path, number: int) -> Path:
    """Return where the example of a jam is kept."""
    return folder / f"{number:05d}.npz"


def _make_some(request: JamRequest, folder: Path, numbers: Sequence[int]) -> list[MadeExample]:
    return [make_example(request, folder, number) for number in numbers]


def make_example(request: JamRequest, folder: Path, number: int) -> MadeExample:
    """Make one example unless it is there and whole; an error becomes part of the result."""
    path = _place(folder, number)
    if _is_whole(path):
        return MadeExample(path, was_there=True)
    try:
        jam = make_jam(request, number)
        with tempfile.TemporaryDirectory() as scratch:
            raw = Path(scratch) / "jam.wav"
            with TrackWriter(raw, jam.sample_rate, jam.samples.shape[1], "PCM_16") as writer:
                writer.write(np.asarray(jam.samples, np.float64))
            with open_recording(raw) as recording:
                write_example(example_of(analyze(recording), jam.truth), path)
    except EditorbotError as error:
        return MadeExample(path, error=error)
    return MadeExample(path)


def _is_whole(path: Path) -> bool:
    """Tell whether an example is there and can be read; a damaged one is made again."""
    if not path.is_file():
        return False
    try:
        read_example(path)
    except FormatError:
        return False
    return True


def examples_of_pairs(
    data_dir: Path, cache: Path, *, on_made: Callable[[MadeExample], None] = lambda made: None
) -> list[Path]:
    """Return the examples of a folder of pairs that have a truth, made where they miss.

    Raises
    ------
    NotFoundError, EmptyError
        If the folder holds no truth.
    """
    truths = data_dir / TRUTH_FOLDER
    if not truths.is_dir():
        raise NotFoundError("there is no such folder; make jams with `editorbot pairs simulate`", path=truths)
    samples = sorted(path.stem for path in truths.glob("*.json"))
    if not samples:
        raise EmptyError("no truths are in it; make jams with `editorbot pairs simulate`", path=truths)
    made = [_pair_example(data_dir, sample, cache / "pairs") for sample in samples]
    for one in made:
        on_made(one)
    return [one.path for one in made if one.error is None]


def _pair_example(data_dir: Path, sample: str, folder: Path) -> MadeExample:
    """Return the example of a pair, named by what it is made of, so that one of an older recording or truth is none."""
    path = folder / f"{sample}.npz"
    try:
        truth = read_truth(truth_path(data_dir, sample))
        with open_recording(_raw_of(data_dir, sample)) as recording:
            made_of = [EXAMPLES_VERSION, code_version(), recording.digest, truth_to_json(truth)]
            path = folder / f"{sample}_{hashlib.sha256(json.dumps(made_of).encode()).hexdigest()[:12]}.npz"
            if _is_whole(path):
                return MadeExample(path, was_there=True)
            write_example(example_of(analyze(recording), truth), path)
    except EditorbotError as error:
        return MadeExample(path, error=error)
    return MadeExample(path)


def _raw_of(data_dir: Path, sample: str) -> Path:
    """Return the raw recording of a sample, whatever its container."""
    found = sorted((data_dir / RAW_FOLDER).glob(f"{glob.escape(sample + RAW_END)}.*"))
    if not found:
        raise NotFoundError(f"the raw recording {sample}{RAW_END}.* is missing", path=data_dir / RAW_FOLDER)
    return found[0]
