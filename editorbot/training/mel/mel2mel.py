"""Direct mel transformation: raw mel to finished mel by convolutions, without labels.

:class:`editorbot.models.mel.Mel2Mel`, trained by the loop of :mod:`editorbot.training.mel.train` with the losses of
the reconstruction.
"""

from __future__ import annotations

from editorbot.models.mel_config import SMALL_MEL2MEL, Mel2MelConfig
from editorbot.training.mel.losses import LossWeights
from editorbot.training.mel.settings import MelTraining
from editorbot.training.mel.tone_stage import ToneTraining

DEFAULT = MelTraining(shape=Mel2MelConfig(), tone=ToneTraining())
"""For a GPU."""

SMALL = MelTraining(
    shape=SMALL_MEL2MEL,
    weights=LossWeights(1.0, 0.0, 0.02, 0.0),
    epochs=30,
    learning_rate=1e-3,
    window_frames=192,
    tone=ToneTraining(),
)
"""For a CPU."""
