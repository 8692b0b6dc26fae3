"""How closely the rendered edit list reproduces the human's edit."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from jaxtyping import Float64

from editorbot.corpus.labels.human_edit import HumanEdit
from editorbot.corpus.labels.pair_sounds import PairSounds, mono, short_spectra
from editorbot.editlist.operations import NO_CROSSFADE
from editorbot.render.clip_reader import open_clip

NEAR_DB = 3.0
"""Distance of log spectra up to which a frame counts as reproduced [dB]."""

_BLOCK_S = 20.0
_FLOOR = 1e-9
_BEST_DB = 120.0


@dataclass(frozen=True)
class Fidelity:
    """How closely a rendered edit list reproduces the edit; the field names are stored in files."""

    snr_db: float
    """Signal-to-noise ratio, noise being the difference [dB], at most 120; of stretched sound it says nothing."""
    log_spectrum_db: float
    """Log-spectral distance in 13 bands, mean over the frames that are not silent [dB]."""
    frames_share: float
    """Share of all frames of the edit within 3 dB, in [0, 1]; frames in no clip count as missed."""

    def as_dict(self) -> dict[str, float]:
        """Return its rounded fields."""
        return {key: round(value, 4) for key, value in asdict(self).items()}


def measure_fidelity(sounds: PairSounds, human: HumanEdit) -> Fidelity:
    """Render each clip where it was found in the edit, and compare the two.

    Clips are compared one by one, so that a missing stretch does not shift the rest.
    """
    signal = noise = distance = 0.0
    counted = near = 0
    for clip, at in zip(human.edit_list.clips, human.positions):
        sound = open_clip(clip, sounds.raw, before=NO_CROSSFADE.before, after=NO_CROSSFADE.after)
        block = round(_BLOCK_S * sounds.rate)
        for first in range(0, clip.output_samples, block):
            count = min(block, clip.output_samples - first)
            ours = sound.read(count)
            theirs = sounds.read_edit(at + first, at + first + count)
            ours = ours if ours.shape[1] == theirs.shape[1] else mono(ours)[:, None]
            signal += float((theirs**2).sum())
            noise += float(((ours - theirs) ** 2).sum())
            apart = _distances_db(mono(ours), mono(theirs), sounds.rate)
            distance, counted = distance + float(apart.sum()), counted + len(apart)
            near += int((apart < NEAR_DB).sum())
    # Frames start anew with each block, so their number is only about that of the edit.
    total = max(counted, round(counted / max(human.matched_share, 1e-6)))
    snr_db = 10 * np.log10(max(signal, 1e-20) / max(noise, 1e-20 + signal * 10 ** (-_BEST_DB / 10)))
    return Fidelity(float(snr_db), distance / max(counted, 1), near / max(total, 1))


def _distances_db(
    ours: Float64[np.ndarray, " samples"], theirs: Float64[np.ndarray, " samples"], rate: int
) -> Float64[np.ndarray, " frames"]:
    """Return the mean distance of the bands of each frame [dB]."""
    powers = []
    for sound in (ours, theirs):
        spectra = short_spectra(sound, rate)
        power = spectra.bins.real**2 + spectra.bins.imag**2
        powers.append(np.add.reduceat(power[:, : spectra.edges[-1]], spectra.edges[:-1], axis=1))
    floor = _FLOOR * max(float(powers[1].max(initial=0.0)), 1e-6)
    levels = [10 * np.log10(power + floor) for power in powers]
    return np.abs(levels[0] - levels[1]).mean(axis=1).astype(np.float64)
