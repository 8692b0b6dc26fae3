"""Finds the effect that each beat went through, by trying the renderer's own effects on the raw sound.

For every beat, each effect at each strength leaves a residual of the edit. A path over the beats
then chooses the effects, so that they do not start and stop without need (Viterbi).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from editorbot.corpus.labels.pair_sounds import CrossPower, PairSounds, Spectra, Tone, cross_power, mono, short_spectra
from editorbot.editlist.edit_list import Effect
from editorbot.render.effects import effect_stream

CANDIDATES: tuple[Effect, ...] = (
    *(Effect(kind, gain_db) for kind in ("EQ_LOW", "EQ_HIGH") for gain_db in (-6.0, -3.0, -1.5, 1.5, 3.0, 6.0)),
    *(Effect(kind, strength) for kind in ("DISTORTION", "REVERB") for strength in (0.1, 0.2, 0.35, 0.5, 0.7, 1.0)),
)
"""Effects that are tried first; the strength is fitted afterwards."""

LEAST_COHERENCE = 0.35
"""Coherence from which a beat is the same sound; another sound has less than 0.2, a copy through a room or a codec
more than 0.5."""

_SAME_DB = -5.0
_CHUNK_S, _WARM_UP_S = 30.0, 0.5
_CERTAIN_DB = -48.0
"""Residual of a plain copy below which no effect is tried."""
_DOUBT_DB, _CHANGE_DB = 2.0, 4.0
"""How much an effect must lower the residual of a beat, and the cost of a change of effect."""
_KINDS = ("EQ_LOW", "EQ_HIGH", "DISTORTION", "REVERB")
_FIRST, _PROMISING_DB = (1.5, 0.2), 1.0
"""Strengths that are tried first, and how much they must lower the residual of a beat for the others to be tried."""
_HALVINGS = 3
"""How often the values next to the best one are tried."""
_FINER = (0.6, 0.8, 0.9, 1.0, 1.1, 1.25, 1.6)
"""Factors by which a strength is tried again."""


@dataclass(frozen=True)
class BeatMatch:
    """How one beat of the edit matches the raw recording."""

    effect: Effect | None
    """The effect that leaves the least residual; None for a plain copy."""
    plain: CrossPower
    """Cross power of the plain copy."""
    residual_db: float
    """Residual with that effect [dB]."""

    @property
    def is_same(self) -> bool:
        """Whether this is the raw recording's sound at all, through whatever filter."""
        return self.plain.coherence > LEAST_COHERENCE or self.residual_db < _SAME_DB


def plain_cross_powers(sounds: PairSounds, bounds: Sequence[int], offset: int) -> list[CrossPower]:
    """Compute the cross power of a plain copy of each beat of a stretch; parameters as in `find_beat_effects`."""
    return [part for chunk in _chunks(sounds, bounds, offset, None) for part in chunk.cross_powers(None)]


def find_beat_effects(
    sounds: PairSounds, bounds: Sequence[int], offset: int, tone: Tone | None = None
) -> list[BeatMatch]:
    """Find the effect of each beat of a stretch that is continuous in both files.

    Parameters
    ----------
    sounds : PairSounds
        The two sounds.
    bounds : sequence of int [raw samples]
        The beats of the stretch, and its end.
    offset : int [samples]
        Where the edit has what the raw recording has at 0.
    tone : np.ndarray, shape=(bands,), optional
        The filter over the whole edit, see `common_tone`.
    """
    plains: list[CrossPower] = []
    costs: list[list[float]] = []
    for chunk in _chunks(sounds, bounds, offset, tone):
        plain = chunk.cross_powers(None)
        plains += plain
        costs += chunk.costs(plain)
    chosen = _cheapest_path(np.array(costs)) if costs else []
    return [
        BeatMatch(CANDIDATES[k - 1] if k else None, plain, cost[k]) for k, plain, cost in zip(chosen, plains, costs)
    ]


@dataclass(frozen=True)
class EffectFit:
    """The effect that a stretch went through."""

    effect: Effect | None
    """The effect at its strength."""
    gain: float
    """The gain after it."""
    residual_db: float
    """The residual [dB]."""


def fit_effect(
    sounds: PairSounds,
    start: int,
    end: int,
    offset: int,
    effect: Effect | None,
    tone: Tone | None = None,
) -> EffectFit:
    """Fit the strength of an effect, and the gain after it, to raw samples [start, end)."""
    chunk = _Chunk(sounds, (start, min(end, start + round(_CHUNK_S * sounds.rate))), offset, tone)
    if effect is None:
        plain = chunk.cross_powers(None)[0]
        return EffectFit(None, plain.gain, plain.residual_db())
    limit = 24.0 if effect.type.startswith("EQ") else 1.0
    residuals: dict[float, float] = {}
    for value in sorted({float(np.clip(effect.value * by, -limit, limit)) for by in _FINER}):
        residuals[value] = chunk.cross_powers(Effect(effect.type, value))[0].residual_db()
    for _ in range(_HALVINGS):
        for value in _beside(residuals):
            residuals[value] = chunk.cross_powers(Effect(effect.type, value))[0].residual_db()
    value = min(residuals, key=residuals.__getitem__)
    best = Effect(effect.type, round(value, 3))
    power = chunk.cross_powers(best)[0]
    return EffectFit(best, power.gain, power.residual_db())


def _beside(residuals: dict[float, float]) -> list[float]:
    """Return the middles between the best value and its neighbors."""
    values = sorted(residuals)
    at = values.index(min(residuals, key=residuals.__getitem__))
    return [(values[at] + values[k]) / 2 for k in (at - 1, at + 1) if 0 <= k < len(values)]


def _chunks(sounds: PairSounds, bounds: Sequence[int], offset: int, tone: Tone | None) -> Iterator[_Chunk]:
    """Yield a stretch in pieces of about half a minute."""
    first = 0
    while first < len(bounds) - 1:
        end = first + 1
        while end < len(bounds) - 1 and bounds[end + 1] - bounds[first] < _CHUNK_S * sounds.rate:
            end += 1
        yield _Chunk(sounds, bounds[first : end + 1], offset, tone)
        first = end


class _Chunk:
    """Some beats, read once."""

    def __init__(
        self,
        sounds: PairSounds,
        bounds: Sequence[int],
        offset: int,
        tone: Tone | None,
    ) -> None:
        self._tone = tone
        self._rate = sounds.rate
        self._warm_up = min(round(_WARM_UP_S * sounds.rate), bounds[0])
        self._raw = sounds.read_raw(bounds[0] - self._warm_up, bounds[-1])
        self._mono = mono(self._raw)[:, None]
        self._target = self._spectra(sounds.read_edit(bounds[0] + offset, bounds[-1] + offset))
        self._frames = [round((at - bounds[0]) / self._target.hop) for at in bounds]

    def _spectra(self, sound: Float64[np.ndarray, "samples channels"]) -> Spectra:
        return short_spectra(mono(sound), self._rate)

    def cross_powers(self, effect: Effect | None) -> list[CrossPower]:
        """Compute the cross power of each beat with the raw sound through an effect."""
        # A filter can be applied to the downmix as well.
        sound = self._mono if effect is not None and effect.type.startswith("EQ") else self._raw
        if effect is not None:
            sound = effect_stream(effect, self._rate, sound.shape[1])(sound)
        whole = cross_power(self._spectra(sound[self._warm_up :]), self._target)
        if self._tone is not None:
            whole = whole.filtered(self._tone)
        parts = []
        for low, high in zip(self._frames, self._frames[1:]):
            # The outermost frames overlap with the neighbors.
            inner = 1 if high - low > 4 else 0
            parts.append(whole.over(low + inner, max(high - inner, low + 1)))
        return parts

    def costs(self, plain: list[CrossPower]) -> list[list[float]]:
        """Return the residual of each beat without an effect, and with every candidate."""
        residuals = [[part.residual_db()] for part in plain]
        if max(row[0] for row in residuals) < _CERTAIN_DB:
            return [row + [row[0]] * len(CANDIDATES) for row in residuals]
        for kind in _KINDS:
            for row, tried in zip(residuals, zip(*self._residuals(kind, [row[0] for row in residuals]))):
                row += tried
        return residuals

    def _residuals(self, kind: str, plain_db: list[float]) -> list[list[float]]:
        """Return the residual of each beat with each candidate of a kind; most are skipped if the first do not help."""
        effects = [effect for effect in CANDIDATES if effect.type == kind]
        residuals = {effect: self._residual(effect) for effect in effects if abs(effect.value) in _FIRST}
        gain = max(plain - by for tried in residuals.values() for plain, by in zip(plain_db, tried))
        if gain < _PROMISING_DB:
            return [plain_db for _ in effects]
        return [residuals[effect] if effect in residuals else self._residual(effect) for effect in effects]

    def _residual(self, effect: Effect) -> list[float]:
        return [part.residual_db() for part in self.cross_powers(effect)]


def _cheapest_path(costs: Float64[np.ndarray, "beats states"]) -> list[int]:
    """Return the state of each beat on the cheapest path; state 0 is no effect, the others cost more."""
    costs = costs.copy()
    costs[:, 1:] += _DOUBT_DB
    total, back = costs[0], []
    for row in costs[1:]:
        best = int(np.argmin(total))
        jumps = total[best] + _CHANGE_DB < total
        back.append(np.where(jumps, best, np.arange(len(row))))
        total = np.where(jumps, total[best] + _CHANGE_DB, total) + row
    state = int(np.argmin(total))
    path = [state]
    for step in reversed(back):
        state = int(step[state])
        path.append(state)
    return path[::-1]
