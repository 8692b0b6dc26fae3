"""Which effect a beat went through, by trying: the renderer's own effects, on the raw sound, against the edit.

For every beat each effect at each strength is asked how much of the edit it leaves unexplained.
A path over the beats then chooses, so that an effect neither starts nor stops for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Complex128, Float64

from editorbot.corpus.labels.sounds import PairSounds, mono
from editorbot.corpus.labels.spectra import Explained, Spectra, explained, short_spectra
from editorbot.editlist.edit_list import Effect
from editorbot.render.effects import effect_stream

CANDIDATES: tuple[Effect, ...] = (
    *(Effect(kind, gain_db) for kind in ("EQ_LOW", "EQ_HIGH") for gain_db in (-6.0, -3.0, -1.5, 1.5, 3.0, 6.0)),
    *(Effect(kind, strength) for kind in ("DISTORTION", "REVERB") for strength in (0.1, 0.2, 0.35, 0.5, 0.7, 1.0)),
)
"""What is tried first; the strength is measured more exactly afterwards."""

LEAST_COHERENCE = 0.35
"""Coherence at which a beat is the same sound; another sound has less than 0.2, a copy behind a room or a codec more
than 0.5."""

_SAME_DB = -5.0
_CHUNK_S, _WARM_UP_S = 30.0, 0.5
_CERTAIN_DB = -48.0
"""Left unexplained by a plain copy: below it no effect is looked for."""
_DOUBT_DB, _CHANGE_DB = 2.0, 4.0
"""How much better an effect must explain a beat than nothing does, and what a change of it costs."""
_KINDS = ("EQ_LOW", "EQ_HIGH", "DISTORTION", "REVERB")
_FIRST, _PROMISING_DB = (1.5, 0.2), 1.0
"""Values that are tried first, and how much one beat must gain by them for the others to be tried."""
_HALVINGS = 3
"""How often the values beside the best one are tried."""
_FINER = (0.6, 0.8, 0.9, 1.0, 1.1, 1.25, 1.6)
"""Factors by which a strength is tried again."""


@dataclass(frozen=True)
class BeatSound:
    """What was heard of one beat."""

    effect: Effect | None
    """The effect that explains it best, None where a plain copy does."""
    plain: Explained
    """How the plain copy explains it."""
    left_db: float
    """What the best explanation leaves [dB]."""

    @property
    def is_same(self) -> bool:
        """Whether this is the raw recording's sound at all, behind whatever filter."""
        return self.plain.coherence > LEAST_COHERENCE or self.left_db < _SAME_DB


def plain_beats(sounds: PairSounds, bounds: Sequence[int], offset: int) -> list[Explained]:
    """Return how a plain copy explains each beat of a stretch; parameters as in `hear_beats`."""
    return [part for chunk in _chunks(sounds, bounds, offset, None) for part in chunk.explained_by(None)]


def hear_beats(
    sounds: PairSounds, bounds: Sequence[int], offset: int, tone: Complex128[np.ndarray, " bands"] | None = None
) -> list[BeatSound]:
    """Find the effect of each beat of a stretch that lies in one piece in both files.

    Parameters
    ----------
    sounds : PairSounds
        The two sounds.
    bounds : sequence of int [raw samples]
        The beats of the stretch, and its end.
    offset : int [samples]
        Where the edit has what the raw recording has at 0.
    tone : np.ndarray, shape=(bands,), optional
        The filter that lies over the whole edit, see `common_tone`.
    """
    plains: list[Explained] = []
    costs: list[list[float]] = []
    for chunk in _chunks(sounds, bounds, offset, tone):
        plain = chunk.explained_by(None)
        plains += plain
        costs += chunk.costs(plain)
    chosen = _smoothest(np.array(costs)) if costs else []
    return [
        BeatSound(CANDIDATES[k - 1] if k else None, plain, cost[k]) for k, plain, cost in zip(chosen, plains, costs)
    ]


@dataclass(frozen=True)
class Measured:
    """What a stretch went through."""

    effect: Effect | None
    """The effect at its strength."""
    gain: float
    """The gain behind it."""
    left_db: float
    """What that leaves unexplained [dB]."""


def finer(
    sounds: PairSounds,
    start: int,
    end: int,
    offset: int,
    effect: Effect | None,
    tone: Complex128[np.ndarray, " bands"] | None = None,
) -> Measured:
    """Return an effect at the strength that explains raw samples [start, end) best, and the gain behind it."""
    chunk = _Chunk(sounds, (start, min(end, start + round(_CHUNK_S * sounds.rate))), offset, tone)
    if effect is None:
        plain = chunk.explained_by(None)[0]
        return Measured(None, plain.gain, plain.left_db())
    limit = 24.0 if effect.type.startswith("EQ") else 1.0
    left: dict[float, float] = {}
    for value in sorted({float(np.clip(effect.value * by, -limit, limit)) for by in _FINER}):
        left[value] = chunk.explained_by(Effect(effect.type, value))[0].left_db()
    for _ in range(_HALVINGS):
        for value in _beside(left):
            left[value] = chunk.explained_by(Effect(effect.type, value))[0].left_db()
    value = min(left, key=left.__getitem__)
    best = Effect(effect.type, round(value, 3))
    behind = chunk.explained_by(best)[0]
    return Measured(best, behind.gain, behind.left_db())


def _beside(left: dict[float, float]) -> list[float]:
    """Return the middles between the best value and its neighbours."""
    values = sorted(left)
    at = values.index(min(left, key=left.__getitem__))
    return [(values[at] + values[k]) / 2 for k in (at - 1, at + 1) if 0 <= k < len(values)]


def _chunks(
    sounds: PairSounds, bounds: Sequence[int], offset: int, tone: Complex128[np.ndarray, " bands"] | None
) -> Iterator[_Chunk]:
    """Yield a stretch by pieces of about half a minute."""
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
        tone: Complex128[np.ndarray, " bands"] | None,
    ) -> None:
        self._tone = tone
        self._rate = sounds.rate
        self._warm_up = min(round(_WARM_UP_S * sounds.rate), bounds[0])
        self._raw = sounds.read_raw(bounds[0] - self._warm_up, bounds[-1])
        self._mono = mono(self._raw)[:, None]
        self._heard = self._spectra(sounds.read_edit(bounds[0] + offset, bounds[-1] + offset))
        self._frames = [round((at - bounds[0]) / self._heard.hop) for at in bounds]

    def _spectra(self, sound: Float64[np.ndarray, "samples channels"]) -> Spectra:
        return short_spectra(mono(sound), self._rate)

    def explained_by(self, effect: Effect | None) -> list[Explained]:
        """Return how the raw sound behind an effect explains each beat."""
        # A filter is the same before and behind the downmix.
        sound = self._mono if effect is not None and effect.type.startswith("EQ") else self._raw
        if effect is not None:
            sound = effect_stream(effect, self._rate, sound.shape[1])(sound)
        whole = explained(self._spectra(sound[self._warm_up :]), self._heard)
        if self._tone is not None:
            whole = whole.behind(self._tone)
        parts = []
        for low, high in zip(self._frames, self._frames[1:]):
            # The outermost frames hear the neighbours too.
            inner = 1 if high - low > 4 else 0
            parts.append(whole.over(low + inner, max(high - inner, low + 1)))
        return parts

    def costs(self, plain: list[Explained]) -> list[list[float]]:
        """Return what each beat keeps unexplained by nothing, and by every candidate."""
        left = [[part.left_db()] for part in plain]
        if max(row[0] for row in left) < _CERTAIN_DB:
            return [row + [row[0]] * len(CANDIDATES) for row in left]
        for kind in _KINDS:
            for row, tried in zip(left, zip(*self._left_by(kind, [row[0] for row in left]))):
                row += tried
        return left

    def _left_by(self, kind: str, plain_db: list[float]) -> list[list[float]]:
        """Return what each candidate of a kind leaves of each beat; most are not tried where the first are no good."""
        effects = [effect for effect in CANDIDATES if effect.type == kind]
        left = {effect: self._left(effect) for effect in effects if abs(effect.value) in _FIRST}
        gain = max(plain - by for tried in left.values() for plain, by in zip(plain_db, tried))
        if gain < _PROMISING_DB:
            return [plain_db for _ in effects]
        return [left[effect] if effect in left else self._left(effect) for effect in effects]

    def _left(self, effect: Effect) -> list[float]:
        return [part.left_db() for part in self.explained_by(effect)]


def _smoothest(costs: Float64[np.ndarray, "beats states"]) -> list[int]:
    """Return the state of each beat on the cheapest path; state 0, nothing, has a start on the others."""
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
