"""Noisy episodes: every state is labeled with what the human would do from there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from editorbot.environment.actions import V3, Action
from editorbot.environment.dynamics import play_out
from editorbot.environment.state import PARTS, STATE_NAMES
from editorbot.training.bc.demonstrations import UNKNOWN
from editorbot.training.bc.noise_injection import human_step, with_noise_injection
from tests.environment.games import song_material
from tests.training.demonstrations import demonstrations

KEEP, CUT, LOOP = (V3.index(name) for name in ("KEEP", "CUT", "LOOP"))


def plain(material, **changes):
    """Return a recording of so many beats whose human only keeps and cuts."""
    rng = np.random.default_rng(0)
    kept = np.repeat(rng.integers(0, 2, -(-material.beats // 3)), 3)[: material.beats]
    one = demonstrations(1, beats=material.beats)[0]
    return replace(one, kept=kept, **changes)


def test_the_human_step_ends_where_the_human_switches():
    kept = np.array([1, 1, 1, 1, 1, 0, 0, 1])
    spans = [1, 4, 8, 8, 16]
    assert human_step(kept, 0, spans, V3) == Action(KEEP, 1, 0)
    assert human_step(kept, 2, spans, V3) == Action(KEEP, 0, 0)
    assert human_step(kept, 5, spans, V3) == Action(CUT, 0, 0)
    assert human_step(np.full(8, 1), 0, spans, V3) == Action(KEEP, 2, 0)  # of equal spans the first
    assert human_step(np.full(8, UNKNOWN), 0, spans, V3) is None


def test_without_noise_it_is_the_humans_own_way():
    material = song_material("AB", target=0.5)
    one = plain(material)
    noisy = with_noise_injection([one], {one.name: material}, 1e-9, V3, np.random.default_rng(0))[0]
    steps = [tuple(row) for row in noisy.actions[len(one.actions) :].tolist()]
    assert noisy.beat[len(one.beat)] == 0
    played = play_out([Action(*step) for step in steps], material.lengths.tolist(), V3)
    heard = np.array([played.kept >> beat & 1 for beat in range(material.beats)])
    np.testing.assert_array_equal(heard, one.kept)


def test_with_noise_every_state_is_of_its_beat_and_labeled_with_the_human_step():
    material = song_material("AB", target=0.5)
    one = plain(material)
    noisy = with_noise_injection([one], {one.name: material}, 0.5, V3, np.random.default_rng(1))[0]
    extra = slice(len(one.actions), None)
    lengths = material.lengths.tolist()
    assert len(noisy.actions) > 2 * len(one.actions)
    for state, action, beat in zip(noisy.states[extra], noisy.actions[extra].tolist(), noisy.beat[extra].tolist()):
        assert Action(*action) == human_step(one.kept, beat, lengths[beat], V3)
        np.testing.assert_array_equal(state[PARTS["beat+0"]], material.padded[beat + 3])
        assert state[STATE_NAMES.index("position")] == pytest.approx(beat / material.beats)


def test_they_are_drawn_anew_and_the_same_seed_draws_the_same():
    material = song_material("AB", target=0.5)
    one = plain(material)
    draws = [
        with_noise_injection([one], {one.name: material}, 0.3, V3, np.random.default_rng(seed))[0] for seed in (0, 0, 1)
    ]
    np.testing.assert_array_equal(draws[0].states, draws[1].states)
    assert draws[0].states.shape != draws[2].states.shape or not np.array_equal(draws[0].states, draws[2].states)


def test_edits_that_do_more_than_keep_and_cut_stay_as_they_are():
    material = song_material("AB", target=0.5)
    one = plain(material, actions=np.full((8, 3), [LOOP, 0, 0]))
    assert with_noise_injection([one], {one.name: material}, 0.3, V3, np.random.default_rng(0)) == [one]
    other = plain(material)
    assert with_noise_injection([other], {}, 0.3, V3, np.random.default_rng(0)) == [other]
    assert with_noise_injection([other], {other.name: material}, 0.0, V3, np.random.default_rng(0)) == [other]
