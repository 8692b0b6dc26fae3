"""Makes examples for the learned score: from jams simulated of finished tracks, or from a user's folder of pairs.

Each is one small file in the cache, so that a run that was broken off, or one with more jams, finds what is there.
"""

from __future__ import annotations

import glob
import hashlib
import json
import tempfile
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np

from editorbot.analysis.analyze import analyze
from editorbot.analysis.cache import code_version
from editorbot.corpus.batch import attempt, run_batch
from editorbot.corpus.pairs import RAW_END, RAW_FOLDER
from editorbot.corpus.simulate.folder import JamRequest, make_jam
from editorbot.corpus.truth import TRUTH_FOLDER, read_truth, truth_path, truth_to_json
from editorbot.errors import EmptyError, FormatError, NotFoundError
from editorbot.recording import TrackWriter, open_recording
from editorbot.training.run_folder import OnLine, silent
from editorbot.training.scored.examples import EXAMPLES_VERSION, example_of, read_example, write_example


def make_examples(request: JamRequest, cache: Path, *, workers: int = 1, on_line: OnLine = silent) -> list[Path]:
    """Make the examples of all jams of a request, or find them; a jam that cannot be made is reported and left out.

    They do not depend on the number of workers; the request's `out` is not used.
    """
    folder, paths = example_folder(request, cache), []
    for done in run_batch(range(request.count), partial(_jam_example, request, folder), workers=workers):
        if done.error is not None:
            on_line(str(done.error))
        elif done.result is not None:
            paths.append(done.result)
    return sorted(paths)


def example_folder(request: JamRequest, cache: Path) -> Path:
    """Name the folder of a request's examples: another for other tracks, settings, seeds."""
    settings = asdict(request.settings)
    settings["finishes"] = settings.pop("recording_effects")  # its name in the digests of earlier versions
    inputs = [EXAMPLES_VERSION, request.seed, request.rate, settings, [path.name for path in request.tracks]]
    inputs += [] if request.beat_tracker == "embedded" else [request.beat_tracker]
    digest = hashlib.sha256(json.dumps(inputs, sort_keys=True, default=list).encode()).hexdigest()[:12]
    return cache / f"jams_s{request.seed}_{digest}"


def _jam_example(request: JamRequest, folder: Path, number: int) -> Path:
    path = folder / f"{number:05d}.npz"
    if _is_whole(path):
        return path
    jam = make_jam(request, number)
    with tempfile.TemporaryDirectory() as scratch:
        raw = Path(scratch) / "jam.wav"
        with TrackWriter(raw, jam.sample_rate, jam.samples.shape[1], "PCM_16") as writer:
            writer.write(np.asarray(jam.samples, np.float64))
        with open_recording(raw) as recording:
            write_example(example_of(analyze(recording), jam.truth), path)
    return path


def _is_whole(path: Path) -> bool:
    """Whether an example is there and can be read; a damaged one is made again."""
    try:
        read_example(path)
    except FormatError:
        return False
    return True


def examples_of_pairs(data_dir: Path, cache: Path, *, on_line: OnLine = silent) -> list[Path]:
    """Make the examples of the pairs that have a truth, or find them; a pair without is reported and left out.

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
    made = [attempt(sample, partial(_pair_example, data_dir, cache / "pairs")) for sample in samples]
    for done in made:
        if done.error is not None:
            on_line(str(done.error))
    return [done.result for done in made if done.result is not None]


def _pair_example(data_dir: Path, folder: Path, sample: str) -> Path:
    """Make the example of a pair; its name says of which recording and truth, so that an older one is not taken."""
    truth = read_truth(truth_path(data_dir, sample))
    with open_recording(_raw_of(data_dir, sample)) as recording:
        made_of = [EXAMPLES_VERSION, code_version(), recording.digest, truth_to_json(truth)]
        path = folder / f"{sample}_{hashlib.sha256(json.dumps(made_of).encode()).hexdigest()[:12]}.npz"
        if not _is_whole(path):
            write_example(example_of(analyze(recording), truth), path)
    return path


def _raw_of(data_dir: Path, sample: str) -> Path:
    """Find the raw recording of a sample, whatever its container."""
    found = sorted((data_dir / RAW_FOLDER).glob(f"{glob.escape(sample + RAW_END)}.*"))
    if not found:
        raise NotFoundError(f"the raw recording {sample}{RAW_END}.* is missing", path=data_dir / RAW_FOLDER)
    return found[0]
