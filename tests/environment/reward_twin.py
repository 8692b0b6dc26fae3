"""The reward, written out naively: every formula of `editorbot.environment.reward` over a list of heard beats."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from editorbot.analysis.seams import Seams
from editorbot.environment.actions import Treatment, Vocabulary
from editorbot.environment.dynamics import EpisodeState
from editorbot.environment.material import Material


@dataclass(frozen=True)
class Heard:
    """One beat that is heard."""

    beat: int
    d: float
    speed: float
    harm: float
    reverse: bool
    play: tuple[int, int]
    """Number of the play, and which time of it."""


def harm_of(treatment: Treatment, value: float) -> float:
    return {
        Treatment.REVERSE: lambda: 1.0,
        Treatment.DISTORTION: lambda: min(0.5 + value, 1.0),
        Treatment.SPEED: lambda: min(abs(math.log2(value)) / 0.15, 1.0),
        Treatment.PITCH: lambda: min(abs(value) / 2, 1.0),
        Treatment.REVERB: lambda: 0.6 * value,
        Treatment.FADE_IN: lambda: 0.3,
        Treatment.FADE_OUT: lambda: 0.3,
        Treatment.GAIN: lambda: abs(value) / 20,
        Treatment.EQ_LOW: lambda: abs(value) / 20,
        Treatment.EQ_HIGH: lambda: abs(value) / 20,
        Treatment.NONE: lambda: 0.0,
    }[treatment]()


def heard_beats(state: EpisodeState, material: Material, vocabulary: Vocabulary) -> list[Heard]:
    heard = []
    for number, play in enumerate(state.all_plays):
        treatment = vocabulary.rows[play.type].treatment
        speed = play.value if treatment == Treatment.SPEED else 1.0
        for time in range(play.times):
            for beat in range(play.first, play.end):
                d = material.tables.duration_s[beat] / speed
                reverse = treatment == Treatment.REVERSE
                heard.append(Heard(beat, d, speed, harm_of(treatment, play.value), reverse, (number, time)))
    return heard


def twin(state: EpisodeState, material: Material, vocabulary: Vocabulary) -> dict[str, float]:
    """Return every component by name."""
    tables, target = material.tables, material.target
    heard, steps = heard_beats(state, material, vocabulary), max(sum(state.counts), 1)
    counts = dict(zip(vocabulary.names, state.counts))
    cuts, loops = counts.get("CUT", 0), counts.get("LOOP", 0) + counts.get("REPEAT_PREV", 0)
    jumps, types = counts.get("JUMP_BACK", 0) + counts.get("SKIP", 0), sum(n > 0 for n in counts.values())
    whole, out = float(tables.duration_s.sum()), sum(h.d for h in heard)
    far = abs(out / whole - target)
    prior = max(0.2 - out / whole, out / whole - 0.7, 0) / 0.2
    parts = {
        "keep_ratio_penalty": min(max(far - 0.1, 0) / 0.3 if material.target_keep_ratio is not None else prior, 1),
        "loop_penalty": min(max(loops - (2 + cuts // 3), 0) / 4, 1),
        "jump_penalty": max(jumps / steps - 0.275, 0) / 0.725,
        "few_types_penalty": max(4 - types, 0) / 4,
    }
    if not heard:
        return parts
    beats_kept = {h.beat for h in heard}
    kept = sum(tables.duration_s[beat] for beat in beats_kept)
    joins = joins_of(heard, material)
    clicks = sum(min(step / 18, 1) for _, _, _, step in joins) / (out / 60)
    runs = run_lengths(heard)
    return parts | {
        "cut_ratio": math.exp(-((kept / whole - target) ** 2) / (2 * 0.1**2)),
        "section_coherence": sum(
            inside * abs(2 * k / inside - 1) for k, inside in shares(tables.section, beats_kept, tables.duration_s)
        )
        / whole,
        "phrase_alignment": np.mean([(tables.place[a] + tables.place[b]) / 2 for a, b, _, _ in joins] or [0.5]),
        "edit_structure": sum(n * min(n / 16, 1) for n in runs) / len(heard),
        "audio_quality": (1 - sum(h.d * h.harm for h in heard) / out) * (1 - min(clicks / 6, 1)),
        "flow": np.mean([math.exp(-step / 6) for _, _, _, step in joins] or [1.0]),
        "diversity": min((types - 1) / 5, 1),
        "reordering": 1 - np.mean([(1 + cost) / 2 if b < a else 0.0 for a, b, cost, _ in joins] or [0.0]),
        "tempo_consistency": 1 - sum(h.d * min(abs(math.log2(h.speed)) / 0.1, 1) for h in heard) / out,
        "phrase_completeness": sum(k * k / inside for k, inside in shares(tables.phrase, beats_kept, tables.duration_s))
        / kept,
        "transition_quality": 1 - np.mean([cost for _, _, cost, _ in joins] or [0.0]),
        "content": likeness(heard, tables.worth, tables.duration_s, out),
        "similarity": 0.0
        if material.human_kept is None
        else likeness(heard, material.human_kept, tables.duration_s, out),
    }


def joins_of(heard: list[Heard], material: Material) -> list[tuple[int, int, float, float]]:
    """Return (leave, arrive, cost, step of energy in dB) of every join."""
    tables, joins = material.tables, []
    names = set(Seams.__dataclass_fields__) - {"beats_per_bar"}
    seams = Seams(**{name: getattr(tables, name) for name in names}, beats_per_bar=int(tables.beats_per_bar[0]))
    for before, after in zip(heard, heard[1:]):
        is_new = before.play != after.play
        reverse = before.reverse or after.reverse
        if is_new and (before.beat + 1 != after.beat or reverse):
            leave, arrive = before.beat + 1, after.beat
            cost = 0.7 if reverse else float(seams.costs(np.array([leave]), np.array([arrive]))[0])
            joins.append((leave, arrive, cost, abs(tables.energy_db[leave - 1] - tables.energy_db[arrive])))
    return joins


def run_lengths(heard: list[Heard]) -> list[int]:
    """Return the beats between two joins each."""
    runs = [1]
    for before, after in zip(heard, heard[1:]):
        is_join = before.play != after.play and (before.beat + 1 != after.beat or before.reverse or after.reverse)
        runs = [*runs, 1] if is_join else [*runs[:-1], runs[-1] + 1]
    return runs


def shares(group: np.ndarray, kept: set[int], duration_s: np.ndarray) -> list[tuple[float, float]]:
    """Return (kept, whole) seconds of each group."""
    groups = []
    for number in np.unique(group):
        inside = np.flatnonzero(group == number)
        groups.append((sum(duration_s[beat] for beat in inside if beat in kept), float(duration_s[inside].sum())))
    return groups


def likeness(heard: list[Heard], worth: np.ndarray, duration_s: np.ndarray, out: float) -> float:
    seen: set[int] = set()
    good = 0.0
    for each in heard:
        if each.beat not in seen:
            good += each.d * (1 - each.harm) * worth[each.beat]
        seen.add(each.beat)
    whole = float((worth * duration_s).sum())
    return 2 * good / (out + whole)
