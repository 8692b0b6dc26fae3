"""Each component of the reward: beside a naive twin, and on edits made by hand whose answer is known."""

import numpy as np
import pytest

from editorbot.environment.actions import V3, VOCABULARIES, Action
from editorbot.environment.dynamics import play_out
from editorbot.environment.material import Material, material_of
from editorbot.environment.reward import reward_of
from editorbot.environment.settings import COMPONENTS, RewardWeights
from editorbot.errors import UsageError
from tests.editors.factories import song_analysis
from tests.environment.games import random_episode, song_material
from tests.environment.reward_twin import twin

BEAT, BAR, PHRASE, TWO_BARS, TWO_PHRASES = range(5)


def step(name: str, size: int = BAR, amount: int = 0) -> Action:
    return Action(V3.index(name), size, amount)


def even(**known) -> Material:
    """Two sections A and B of 32 beats, phrases of 16, all equally loud, all worth 1."""
    analysis = song_analysis("AB")
    analysis.energy_db[:] = -14.0
    return material_of(analysis, worth=np.ones(64), **known)


def judged(material: Material, *actions: Action, rest: str = "CUT") -> dict[str, float]:
    """Return the components of an episode; what its actions leave is `rest`."""
    state = play_out([*actions, *[step(rest, TWO_BARS)] * 8], material.lengths.tolist(), V3)
    return dict(reward_of(state, material, V3).components)


@pytest.mark.parametrize("vocabulary", ["v1", "v2", "v3"])
@pytest.mark.parametrize("target", [None, 0.5])
def test_every_component_equals_its_naive_twin(vocabulary, target):
    types = VOCABULARIES[vocabulary]
    for seed in range(4):
        material = song_material("ABA", bars=3, target=target, seed=seed, beats_per_bar=3 + seed % 2, jitter_s=0.02)
        _, state = random_episode(material, seed, types)
        components = dict(reward_of(state, material, types).components)
        expected = dict.fromkeys(COMPONENTS, 0.0) | twin(state, material, types)
        assert components == pytest.approx(expected, abs=1e-5)
        assert all(0 <= value <= 1 for value in components.values())


def test_keeping_all_is_flawless_but_as_long_as_before():
    parts = judged(even(target_keep_ratio=0.5), rest="KEEP")
    for name in ("audio_quality", "flow", "reordering", "tempo_consistency", "phrase_completeness", "content"):
        assert parts[name] == 1.0, name
    assert parts["transition_quality"] == 1.0
    assert parts["edit_structure"] == 1.0
    assert parts["keep_ratio_penalty"] == 1.0
    assert parts["cut_ratio"] < 1e-5


def test_length_beside_a_known_target_and_beside_the_prior():
    half = [step("KEEP", TWO_BARS)] * 4
    assert judged(even(target_keep_ratio=0.5), *half)["keep_ratio_penalty"] == 0.0
    assert judged(even(target_keep_ratio=0.5), *half)["cut_ratio"] == pytest.approx(1.0)
    assert judged(even(target_keep_ratio=0.8), *half)["keep_ratio_penalty"] == pytest.approx(0.2 / 0.3)
    assert judged(even(), *half)["keep_ratio_penalty"] == 0.0
    assert judged(even(), step("KEEP", TWO_BARS))["keep_ratio_penalty"] == pytest.approx((0.2 - 8 / 64) / 0.2)


def test_loops_beyond_the_budget_cost():
    # 2 are free, and one more for 3 cuts.
    assert judged(even(), *[step("LOOP")] * 4, rest="KEEP")["loop_penalty"] == pytest.approx(2 / 4)
    assert judged(even(), *[step("LOOP")] * 4, *[step("CUT")] * 3, rest="KEEP")["loop_penalty"] == pytest.approx(1 / 4)


def test_jumps_cost_only_where_they_are_many():
    few = [step("KEEP")] * 8 + [step("SKIP", BEAT, 1)] * 3
    assert judged(even(), *few)["jump_penalty"] == 0.0
    many = [step("KEEP")] + [step("SKIP", BEAT, 1)] * 15
    assert judged(even(), *many)["jump_penalty"] == pytest.approx((15 / 16 - 0.275) / 0.725)


def test_types_are_counted():
    parts = judged(even(), step("KEEP"), step("GAIN"), step("KEEP"))
    assert parts["few_types_penalty"] == pytest.approx(1 / 4)
    assert parts["diversity"] == pytest.approx(2 / 5)


def test_sections_and_phrases_kept_whole_are_coherent():
    whole = judged(even(), *[step("KEEP", TWO_BARS)] * 4)
    torn = judged(even(), *[step("KEEP", TWO_BARS), step("CUT", TWO_BARS)] * 4)
    assert whole["section_coherence"] == pytest.approx(1.0)
    assert torn["section_coherence"] == pytest.approx(0.0)
    assert whole["phrase_completeness"] == pytest.approx(1.0)
    assert torn["phrase_completeness"] == pytest.approx(0.5)


def test_cuts_belong_where_phrases_begin():
    # Phrases begin at 0, 16, 32; bars every 4 beats.
    at_phrases = [*[step("KEEP", TWO_BARS)] * 2, *[step("CUT", TWO_BARS)] * 2, step("KEEP", TWO_BARS)]
    at_bars = [step("KEEP"), step("CUT"), step("KEEP")]
    off_bars = [step("KEEP", BEAT), step("CUT", BEAT), step("KEEP")]
    values = [judged(even(), *steps)["phrase_alignment"] for steps in (at_phrases, at_bars, off_bars)]
    assert values == pytest.approx([1.0, 0.5, 0.0])
    assert judged(even(), rest="KEEP")["phrase_alignment"] == 0.5


def test_long_stretches_are_structure():
    stutter = [step("KEEP"), step("CUT")] * 8
    assert judged(even(), *stutter)["edit_structure"] == pytest.approx(4 / 16)


def test_harm_and_clicks_cost_quality():
    assert judged(even(), step("REVERSE", TWO_BARS), rest="CUT")["audio_quality"] == 0.0
    assert judged(even(), *[step("DISTORTION", TWO_BARS, 2)] * 8)["audio_quality"] == pytest.approx(0.15)
    loud = even()
    loud.tables.energy_db[40:] = 18.0
    parts = judged(loud, *[step("KEEP", TWO_BARS)] * 2, *[step("CUT", TWO_BARS)] * 3, rest="KEEP")
    # One join of 18 dB or more in 40 beats of half a second: 3 clicks a minute.
    assert parts["audio_quality"] == pytest.approx(0.5)
    assert parts["flow"] == pytest.approx(np.exp(-18 / 6), rel=1e-3)


def test_going_back_costs_more_where_it_is_heard():
    forward = judged(even(), step("KEEP", TWO_BARS), step("CUT", TWO_BARS), rest="KEEP")
    back = judged(even(), step("KEEP", TWO_BARS), step("JUMP_BACK", BEAT, 0), rest="KEEP")
    assert forward["reordering"] == 1.0
    assert 0.0 < back["reordering"] <= 0.5


def test_tempo_is_to_stay():
    parts = judged(even(), *[step("SPEED_UP", TWO_BARS, 4)] * 8)
    assert parts["tempo_consistency"] == 0.0
    slight = judged(even(), *[step("SPEED_UP", TWO_BARS, 0)] * 8)
    assert slight["tempo_consistency"] == pytest.approx(1 - np.log2(1.02) / 0.1)


def test_a_join_that_nobody_hears_is_a_good_transition():
    analysis = song_analysis("AA")
    material = material_of(analysis, worth=np.ones(64))
    alike = judged(material, *[step("KEEP", TWO_BARS)] * 2, *[step("CUT", TWO_BARS)] * 4, rest="KEEP")
    unlike = judged(even(), *[step("KEEP", TWO_BARS)] * 2, *[step("CUT", TWO_BARS)] * 4, rest="KEEP")
    assert alike["transition_quality"] == pytest.approx(1.0, abs=1e-5)
    assert unlike["transition_quality"] < 0.7


def test_content_and_similarity_are_f1_where_worth_is_the_truth():
    truth = np.repeat([1.0, 0.0], 32)
    material = material_of(song_analysis("AB"), worth=truth, target_keep_ratio=0.5, human_kept=truth)
    for steps, recall, purity in (
        ([step("KEEP", TWO_BARS)] * 4, 1.0, 1.0),
        ([step("KEEP", TWO_BARS)] * 8, 1.0, 0.5),
        ([step("KEEP", TWO_BARS)] * 2, 0.5, 1.0),
        ([step("LOOP", TWO_BARS)] * 4, 1.0, 0.5),
    ):
        parts = judged(material, *steps)
        assert parts["content"] == pytest.approx(2 * recall * purity / (recall + purity))
        assert parts["similarity"] == parts["content"]
    assert judged(even(), rest="KEEP")["similarity"] == 0.0


def test_an_edit_that_plays_nothing_earns_nothing():
    material = even(target_keep_ratio=0.5)
    state = play_out([step("CUT", TWO_BARS)] * 8, material.lengths.tolist(), V3)
    reward = reward_of(state, material, V3)
    earned = {name: value for name, value in reward.components.items() if not name.endswith("_penalty")}
    assert set(earned.values()) == {0.0}
    assert reward.total < 0


def test_the_total_is_the_weighted_sum():
    material = song_material("AB", target=0.5)
    _, state = random_episode(material, 0)
    weights = RewardWeights(content=2.0, similarity=0.5, trajectory_reward_scale=10.0)
    reward = reward_of(state, material, V3, weights)
    expected = 10 * sum(getattr(weights, name) * value for name, value in reward.components.items())
    assert reward.total == pytest.approx(expected)


@pytest.mark.parametrize(("weights", "what"), [({"flow": np.nan}, "flow"), ({"loop_penalty": 1.0}, "loop_penalty")])
def test_impossible_weights_are_refused(weights, what):
    with pytest.raises(UsageError, match=what):
        RewardWeights(**weights)
