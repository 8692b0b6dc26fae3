"""Supervised mel reconstruction: raw mel and edit labels to the edited mel.

:class:`editorbot.models.mel.EditEncoder` and :class:`~editorbot.models.mel.MelDecoder`, trained by the loop of
:mod:`editorbot.training.mel.train`. The small preset leaves out the loss on the waveform, which costs most of a
step on a CPU, and hardly holds changes of shape back: most of what noise and rooms do is one.
"""

from __future__ import annotations

from editorbot.models.mel_config import SMALL_RECONSTRUCT, ReconstructConfig
from editorbot.training.mel.losses import LossWeights
from editorbot.training.mel.settings import MelTraining
from editorbot.training.mel.tone_stage import ToneTraining

DEFAULT = MelTraining(shape=ReconstructConfig(), tone=ToneTraining())
"""For a GPU: dim 512, 6 layers, 8 heads, learning rate 1e-4, batch 8, weights 1.0 / 1.0 / 0.5."""

SMALL = MelTraining(
    shape=SMALL_RECONSTRUCT,
    weights=LossWeights(1.0, 0.0, 0.02, 0.0),
    epochs=30,
    learning_rate=1e-3,
    window_frames=SMALL_RECONSTRUCT.chunk_frames,
    tone=ToneTraining(),
)
"""For a CPU."""
