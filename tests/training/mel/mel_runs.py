"""Examples, settings and pairs that the tests of the mel networks share."""

from __future__ import annotations

import copy
import dataclasses

import numpy as np
from scipy.signal import butter, sosfilt

from editorbot.corpus.precache import read_mel, write_mel
from editorbot.corpus.truth import Segment, Truth, write_truth
from editorbot.models.checkpoint import Checkpoint
from editorbot.models.mel_config import Mel2MelConfig, ReconstructConfig
from editorbot.recording import open_recording
from editorbot.timebase import ANALYSIS_RATE
from editorbot.training.mel.config import LossWeights, Mel2MelSettings, MelTraining, ToneTraining
from editorbot.training.mel.examples import example_of, write_example
from editorbot.training.mel.train import MelRun
from tests.corpus.ready_pairs import ready_pair
from tests.sounds import band

SHAPES = (ReconstructConfig(16, 16, 1, 2, 8, 64), Mel2MelConfig(16, (1, 2), 8, 64))
QUICK = LossWeights(1.0, 0.0, 0.02, 0.0)
WITH_THE_REST = ToneTraining(members=0)


def dulled(sound):
    return sosfilt(butter(1, 800, fs=ANALYSIS_RATE, output="sos"), sound).astype(np.float32)


def write_examples(folder):
    """Write four examples, and return their files."""
    paths = []
    for seed in range(4):
        finished = band(3.0, ANALYSIS_RATE, seed=seed, root_hz=90.0 + 20 * seed)[None].astype(np.float32)
        paths.append(folder / f"{seed}.npz")
        write_example(paths[-1], example_of(dulled(finished), finished))
    return paths


def training(**changes):
    values = {"epochs": 4, "batch_size": 4, "learning_rate": 1e-2, "window_frames": 64, "weights": QUICK}
    return MelTraining(**{"tone": WITH_THE_REST, **values, **changes})


def trained(files, shape, config, *, valid=None, **more):
    """Return the run at its end, its metrics, and a checkpoint after each epoch."""
    run, metrics, kept = MelRun(files, valid or files, shape, config, **more), [], []
    while run.epoch < config.epochs:
        metrics.append(run.train_epoch())
        weights = {name: value.clone() for name, value in run.network.state_dict().items()}
        training_state = copy.deepcopy(run.training_state())
        kept.append(Checkpoint("mel2mel", {}, weights, step=run.epoch, training=training_state))
    return run, metrics, kept


def mel_settings(folder, **changes):
    values = {"training": training(epochs=2, batch_size=2), "shape": SHAPES[1], "tracks": (folder / "band",),
              "valid_tracks": (folder / "others",), "count": 2, "valid_count": 2, "again": 0, "device": "cpu",
              "cache_dir": folder / "cache", "save_dir": folder / "m", "log_dir": folder / "logs"}  # fmt: skip
    return Mel2MelSettings(**{**values, **changes})


def pair_settings(folder, **changes):
    return mel_settings(
        folder, tracks=(), valid_tracks=(), data_dir=folder / "pairs", cache_dir=folder / "pairs" / "cache", **changes
    )


def add_pair(folder, sample, artist, seed):
    """Write a pair with its alignment, its truth and what is kept of it."""
    ready_pair(folder, sample, seed)
    for half, end in (("input", "raw"), ("desired_output", "edit")):
        with open_recording(folder / half / f"{sample}_{end}.wav") as recording:
            place = folder / "cache" / "features" / f"{sample}_{end}.npz"
            write_mel(place, dataclasses.replace(read_mel(place), digest=recording.digest))
            info = folder / "pointer_sequences" / f"{sample}_info.json"
            info.write_text(info.read_text().replace(f"{end} {sample}", recording.digest))
    (folder / "truth").mkdir(exist_ok=True)
    truth = Truth(14.0, 8.0, (Segment(2.0, 6.0, "music", 0.0),), artist=artist)
    write_truth(folder / "truth" / f"{sample}.json", truth)
