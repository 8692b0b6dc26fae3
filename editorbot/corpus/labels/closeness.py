"""How close the edit list, rendered again, comes to the human's edit."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from jaxtyping import Float64

from editorbot.corpus.labels.human_edit import HumanEdit
from editorbot.corpus.labels.sounds import PairSounds, mono
from editorbot.corpus.labels.spectra import short_spectra
from editorbot.editlist.operations import NO_CROSSFADE
from editorbot.render.clip_reader import open_clip

NEAR_DB = 3.0
"""Distance of log spectra at which a frame counts as given back [dB]."""

_BLOCK_S = 20.0
_FLOOR = 1e-9
_BEST_DB = 120.0


@dataclass(frozen=True)
class Closeness:
    """How close a rendered edit list is to the edit."""

    snr_db: float
    """Power of the edit over that of the difference [dB], at most 120; stretched sound never fits sample by sample."""
    log_spectrum_db: float
    """Mean distance of the log spectra in 13 bands, over the frames that are not silent [dB]."""
    frames_share: float
    """Share of all frames of the edit within 3 dB, in [0, 1]; what is in no clip counts as missed."""

    def as_dict(self) -> dict[str, float]:
        """Return it as plain values."""
        return {key: round(value, 4) for key, value in asdict(self).items()}


def closeness(sounds: PairSounds, human: HumanEdit) -> Closeness:
    """Render the clips where they were found in the edit, and compare.

    Every clip is compared on its own, so that a stretch that is missing does not move the rest.
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
    # A snippet's frames start anew with each block: their number is that of the edit, give or take the blocks.
    total = max(counted, round(counted / max(human.explained_share, 1e-6)))
    snr_db = 10 * np.log10(max(signal, 1e-20) / max(noise, 1e-20 + signal * 10 ** (-_BEST_DB / 10)))
    return Closeness(float(snr_db), distance / max(counted, 1), near / max(total, 1))


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
