"""Other people's beat trackers, asked in the same way as ours.

BeatNet's network with madmom's bar-pointer decoder, as `BeatNet(1, mode="offline",
inference_model="DBN")` runs it; the package's own code does not import without
PyAudio, so its parts are put together here, from ``BeatNet`` (`pip install
--no-deps BeatNet`) and ``madmom-infer``.
"""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from pathlib import Path
from typing import Any

import librosa
import numpy as np

RATE = 22_050
"""Rate of the audio [Hz]."""

BEATNET_HOP_S = 0.02
"""Distance of BeatNet's frames [s]."""

BEATNET_METERS = (2, 3, 4)
"""Beats a bar that BeatNet considers."""


def track_with_librosa(mono: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return librosa's beats [s], and every fourth of them, as it finds no bars."""
    _, beats_s = librosa.beat.beat_track(y=mono, sr=RATE, units="time")
    return beats_s, beats_s[::4]


def track_with_beatnet(mono: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return BeatNet's beats and downbeats [s]."""
    import torch

    pipe, network, decode = _beatnet()
    features = np.asarray(pipe(mono), dtype=np.float32)
    network.hidden, network.cell = torch.zeros(2, 1, network.dim_hd), torch.zeros(2, 1, network.dim_hd)
    with torch.no_grad():
        activations = network.final_pred(network(torch.from_numpy(features)[None])[0]).numpy()
    found = decode(activations[:2].T)
    return found[:, 0], found[found[:, 1] == 1, 0]


@lru_cache(maxsize=1)
def _beatnet() -> tuple[Any, Any, Any]:
    """Return BeatNet's features, its network with the weights of model 1, and the decoder."""
    import torch
    from madmom_infer.audio.signal import FramedSignalProcessor, SignalProcessor
    from madmom_infer.audio.spectrogram import (
        FilteredSpectrogramProcessor,
        LogarithmicSpectrogramProcessor,
        SpectrogramDifferenceProcessor,
    )
    from madmom_infer.audio.stft import ShortTimeFourierTransformProcessor
    from madmom_infer.features.downbeats import DBNDownBeatTrackingProcessor
    from madmom_infer.processors import SequentialProcessor

    found = importlib.util.find_spec("BeatNet")
    if found is None or found.origin is None:
        raise SystemExit("BeatNet is not installed; run: pip install --no-deps BeatNet")
    folder = Path(found.origin).parent
    spec = importlib.util.spec_from_file_location("beatnet_model", folder / "model.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    network = module.BDA(272, 150, 2, "cpu")
    weights = torch.load(folder / "models" / "model_1_weights.pt", map_location="cpu", weights_only=True)
    network.load_state_dict(weights, strict=False)
    pipe = SequentialProcessor(
        [
            SignalProcessor(num_channels=1, sample_rate=RATE),
            FramedSignalProcessor(frame_size=int(0.064 * RATE), hop_size=int(BEATNET_HOP_S * RATE)),
            ShortTimeFourierTransformProcessor(),
            FilteredSpectrogramProcessor(num_bands=24, fmin=30, fmax=17000, norm_filters=True),
            LogarithmicSpectrogramProcessor(mul=1, add=1),
            SpectrogramDifferenceProcessor(diff_ratio=0.5, positive_diffs=True, stack_diffs=np.hstack),
        ]
    )
    return pipe, network.eval(), DBNDownBeatTrackingProcessor(beats_per_bar=list(BEATNET_METERS), fps=50)
