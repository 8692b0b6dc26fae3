"""On a real analysis no player of one type, nor chance, earns as much as a sensible edit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from editorbot.analysis.analysis import Analysis
from editorbot.analysis.analyze import analyze
from editorbot.corpus.truth import Truth, read_truth
from editorbot.editlist.edit_list import Clip, MadeBy
from editorbot.editlist.operations import edit_list_of
from editorbot.editors.clips import beat_scores
from editorbot.editors.scoring.classify import classify_steps
from editorbot.environment.actions import V3, Action
from editorbot.environment.dynamics import EpisodeState, advance, first_state, play_out
from editorbot.environment.episodes import transcript_of
from editorbot.environment.masks import Masks, masks_at
from editorbot.environment.material import Material, beat_bounds, material_of
from editorbot.environment.reward import reward_of
from editorbot.recording import open_recording
from tests.environment.games import random_episode

EXAMPLES = Path(__file__).parents[2] / "examples"
SONG, JUNK = ("music", "repeat"), ("talk", "silence", "noise", "tuning", "noodling", "count_in", "junk")


@dataclass(frozen=True)
class Jam:
    analysis: Analysis
    truth: Truth
    material: Material


@pytest.fixture(scope="module")
def jam() -> Jam:
    """Return the example, its worth judged by the kind of sound alone, its target the prior."""
    with open_recording(EXAMPLES / "jam.ogg") as recording:
        analysis = analyze(recording)
    return Jam(analysis, read_truth(EXAMPLES / "jam.truth.json"), material_of(analysis))


def kept(jam: Jam, *kinds: str) -> EpisodeState:
    """Return the episode that keeps what the truth calls by these names."""
    bounds = beat_bounds(jam.analysis)
    middles_s = (bounds[1:] + bounds[:-1]) / 2 / jam.analysis.source.sample_rate
    keep = np.zeros(len(middles_s), dtype=bool)
    for segment in jam.truth.segments:
        if segment.kind in kinds:
            keep |= (middles_s >= segment.start_s) & (middles_s < segment.end_s)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], keep.astype(int), [0]])))
    clips = [Clip(int(bounds[first]), int(bounds[end])) for first, end in zip(edges[::2], edges[1::2])]
    edit = edit_list_of(jam.analysis.source, clips, made_by=MadeBy("test"))
    return play_out(transcript_of(edit, jam.analysis).actions, jam.material.lengths.tolist(), V3)


def player(material: Material, kind: int) -> EpisodeState:
    """Return where a player ends that knows one type: its longest size, its first amount, KEEP where it is closed."""
    lengths, state = material.lengths.tolist(), first_state(material.beats, V3)
    while not (state.is_over or state.is_truncated):
        action = only(masks_at(state, lengths[state.cursor], V3), kind)
        state = advance(state, action, lengths[state.cursor], V3)
    return state


def only(masks: Masks, kind: int) -> Action:
    if not masks.type[kind]:
        return Action(0, 0, 0)
    return Action(kind, int(np.flatnonzero(masks.size[kind])[-1]), int(np.flatnonzero(masks.amount[kind])[0]))


def earned(jam: Jam, state: EpisodeState) -> float:
    return reward_of(state, jam.material, V3).total


def test_no_player_of_one_type_earns_as_much_as_a_sensible_edit(jam):
    sensible = earned(jam, kept(jam, *SONG))
    players = {row.name: earned(jam, player(jam.material, kind)) for kind, row in enumerate(V3.rows)}
    chance = {f"chance {seed}": earned(jam, random_episode(jam.material, seed)[1]) for seed in range(5)}
    too_good = {name: value for name, value in (players | chance).items() if value >= sensible - 0.5}
    assert not too_good, f"the sensible edit earns {sensible}"


def test_a_score_tells_the_truth_from_repeats_and_junk(jam):
    kept_share = float(np.mean([beat in heard_beats(kept(jam, "music")) for beat in range(jam.material.beats)]))
    worth = beat_scores(jam.analysis, classify_steps(jam.analysis).score)
    told = replace(jam, material=material_of(jam.analysis, worth=worth, target_keep_ratio=kept_share))
    truth, sensible, junk = (earned(told, kept(told, *kinds)) for kinds in (("music",), SONG, JUNK))
    assert truth > sensible + 0.1
    assert sensible > junk + 1.0


def heard_beats(state: EpisodeState) -> set[int]:
    return {beat for play in state.all_plays for beat in range(play.first, play.end)}
