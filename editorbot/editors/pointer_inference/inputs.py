"""What a pointer network hears of a recording: the mel, and what the analysis tells of each step."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from editorbot.analysis.analysis import Analysis
from editorbot.editors.base import Tightness
from editorbot.editors.scoring.clean_takes import calibrate_for_takes
from editorbot.editors.scoring.inputs import step_inputs
from editorbot.editors.scoring.learned import read_score
from editorbot.errors import UsageError
from editorbot.models.pointer_config import PointerConfig, PointerInputs, with_chances
from editorbot.models.scorer_config import StepInputs
from editorbot.timebase import frame_count, mono_samples


def read_inputs(analysis: Analysis, config: PointerConfig, tightness: Tightness = "normal") -> PointerInputs:
    """Return what the network hears of a recording.

    Raises
    ------
    UsageError
        If it was trained with stems: those are not at hand while editing.
    EditorbotError
        If the recording cannot be read again.
    """
    if config.use_stems:
        raise UsageError("this network was trained with stems, which edit does not hand on; train one without them")
    frames = frame_count(mono_samples(analysis.source.samples, analysis.source.sample_rate))
    steps = steps_of(analysis, config, tightness) if config.step_inputs else None
    return PointerInputs(analysis.mel(0, frames), steps)


def steps_of(analysis: Analysis, config: PointerConfig, tightness: Tightness = "normal") -> StepInputs:
    """Return what the analysis tells of each step, and the learned score says of it where that is asked for."""
    steps = step_inputs(analysis.steps, analysis.activity)
    return with_chances(steps, chances_of(analysis, tightness)) if config.score_inputs else steps


def chances_of(analysis: Analysis, tightness: Tightness = "normal") -> Float32[np.ndarray, "steps classes"]:
    """Return what the learned score that ships takes each step for, as `scored` believes it."""
    return calibrate_for_takes(read_score().chances(analysis), tightness)
