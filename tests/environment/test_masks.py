"""Allowed actions can be carried out, differ from one another, and never run out."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from editorbot.environment.actions import V3, VOCABULARIES, Action, Operation
from editorbot.environment.dynamics import EpisodeState, advance, first_state
from editorbot.environment.masks import Masks, masks_at
from editorbot.environment.spans import lengths_of
from tests.environment.mask_twin import twin

LENGTHS = lengths_of(24, 4, np.array([0, 8, 13])).tolist()


def walked(seed: int, steps: int, vocabulary=V3, max_loops: int = 32) -> EpisodeState:
    """Return the state after some random open steps."""
    rng, state = np.random.default_rng(seed), first_state(len(LENGTHS), vocabulary)
    for _ in range(steps):
        if state.is_over:
            break
        action = masks_at(state, LENGTHS[state.cursor], vocabulary, max_loops).sample(rng)
        state = advance(state, action, LENGTHS[state.cursor], vocabulary)
    return state


def heard(state: EpisodeState, action: Action, vocabulary) -> tuple:
    """Return what an action changes: everything but its own name's traces."""
    after = advance(state, action, LENGTHS[state.cursor], vocabulary)
    row = vocabulary.rows[action.type]
    new = after.plays[len(state.plays) :] + after.deferred[len(state.deferred) :]
    plays = tuple((play.first, play.end, row.treatment, play.value, play.times) for play in new)
    return plays, after.deferred != state.deferred, after.bridges, after.cursor


def assert_usable(masks: Masks) -> None:
    """Every allowed type has an allowed size and amount, and there is one."""
    assert masks.type.any()
    assert (masks.type == (masks.size.any(axis=1) & masks.amount.any(axis=1))).all()


@settings(max_examples=40)
@given(
    seed=st.integers(0, 10_000), steps=st.integers(0, 40), loops=st.integers(0, 3),
    name=st.sampled_from(sorted(VOCABULARIES)),
)  # fmt: skip
def test_masks_equal_their_naive_twin(seed, steps, loops, name):
    vocabulary = VOCABULARIES[name]
    state = walked(seed, steps, vocabulary, loops)
    lengths = LENGTHS[min(state.cursor, 23)]
    found, wanted = masks_at(state, lengths, vocabulary, loops), twin(state, lengths, vocabulary, loops)
    for part in ("type", "size", "amount"):
        np.testing.assert_array_equal(getattr(found, part), getattr(wanted, part), err_msg=part)


@settings(max_examples=40)
@given(seed=st.integers(0, 10_000), steps=st.integers(0, 30), name=st.sampled_from(sorted(VOCABULARIES)))
def test_allowed_actions_can_be_carried_out_and_differ(seed, steps, name):
    vocabulary = VOCABULARIES[name]
    state = walked(seed, steps, vocabulary)
    if state.is_over:
        return
    masks = masks_at(state, LENGTHS[state.cursor], vocabulary)
    assert_usable(masks)
    for kind in np.flatnonzero(masks.type):
        actions = [Action(int(kind), size, amount) for size, amount in product(range(5), repeat=2)]
        results = [heard(state, action, vocabulary) for action in actions if masks.allows(action)]
        assert len(set(results)) == len(results), f"two actions of {vocabulary.names[kind]} mean the same"
        for plays, _, bridges, cursor in results:
            assert 0 <= cursor <= state.beats
            assert all(first < end <= state.beats for first, end, *_ in plays)
            assert plays or bridges or cursor != state.cursor


@settings(max_examples=40)
@given(seed=st.integers(0, 10_000), steps=st.integers(0, 30))
def test_every_episode_can_go_on_and_plays_something(seed, steps):
    state = walked(seed, 10_000 if steps == 30 else steps)
    masks = masks_at(state, LENGTHS[min(state.cursor, 23)], V3)
    assert_usable(masks)
    assert masks.allows(Action(0, 0, 0)), "KEEP of one beat"
    if state.is_over:
        assert state.all_plays
        assert masks.type.sum() == 1


def allowed_types(state: EpisodeState, max_loops: int = 32) -> set[str]:
    masks = masks_at(state, LENGTHS[state.cursor], V3, max_loops)
    return {V3.names[kind] for kind in np.flatnonzero(masks.type)}


def test_what_cannot_be_done_is_masked():
    start = first_state(24, V3)
    assert set(V3.names) - allowed_types(start) == {"JUMP_BACK", "REPEAT_PREV"}
    last = replace(start, cursor=23, frontier=23)
    assert {"SWAP_NEXT", "CUT", "SKIP"}.isdisjoint(allowed_types(last)), "nothing is heard yet, and nothing comes after"
    kept = advance(start, Action(0, 0, 0), LENGTHS[0], V3)
    assert {"JUMP_BACK", "REPEAT_PREV"} <= allowed_types(kept)
    looped = advance(start, Action(V3.index("LOOP"), 0, 0), LENGTHS[0], V3)
    assert {"LOOP", "REPEAT_PREV"}.isdisjoint(allowed_types(looped, max_loops=1))


def test_changes_by_nothing_are_masked():
    masks = masks_at(first_state(24, V3), LENGTHS[0], V3)
    assert masks.amount[V3.index("GAIN")].tolist() == [True, True, False, True, True]
    assert masks.amount[V3.index("LOOP")].tolist() == [True, False, False, True, True]
    assert masks.amount[V3.index("KEEP")].tolist() == [True, False, False, False, False]
    assert masks.size[V3.index("SKIP")].tolist() == [True, False, False, False, False]


def test_operations_are_all_reachable():
    assert {row.operation for vocabulary in VOCABULARIES.values() for row in vocabulary.rows} == set(Operation)
