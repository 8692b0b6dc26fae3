"""The learner of the score: it learns, repeats itself, and goes on where it stopped."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from editorbot.corpus.truth import Segment, Truth
from editorbot.errors import FormatError
from editorbot.models.scorer_config import CLASSES, LAG_TOKENS, TOKEN_STEPS, ScorerConfig, StepInputs
from editorbot.timebase import STEP_S
from editorbot.training.scored.batches import batch_of, numbers_of_epoch
from editorbot.training.scored.calibration import Calibration, StepScore, calibrate, chances_of, step_score
from editorbot.training.scored.config import ScoredTraining
from editorbot.training.scored.examples import (
    Example,
    ExampleFiles,
    read_example,
    write_example,
)
from editorbot.training.scored.train import ScoredRun, soft_f1
from editorbot.training.step_truth import classes_of, sources_of

SHAPE = ScorerConfig(
    inputs=3,
    twins=1,
    width=8,
    told=2,
    first_dilations=(1,),
    second_dilations=(1, 2),
    dropout=0.0,
    lag_layers=(1,),
    heads=2,
    pair_width=4,
)
TRAINING = ScoredTraining(epochs=3, batch_size=2, seed=4, remix=0.0, weight_mean=0.9)


def train_network(jams, config, shape):
    """Train to the end."""
    run = ScoredRun(jams, config, shape)
    while run.epoch < config.epochs:
        run.train_epoch()
    return run.mean.eval()


def no_lag_matrix(count: int) -> np.ndarray:
    """Return lags of a recording that is never like itself."""
    return np.zeros((2, -(-count // TOKEN_STEPS), LAG_TOKENS), np.float32)


def jam(rng: np.random.Generator, count: int = 60) -> Example:
    """Return a jam whose first input says what is music and whose second says nothing."""
    is_music = np.repeat(rng.random(count // 10) < 0.5, 10)
    classes = np.where(is_music, CLASSES.index("keep"), CLASSES.index("sounds")).astype(np.int8)
    values = rng.standard_normal((count, 3)).astype(np.float32)
    values[:, 0] = np.where(is_music, 2, -2) + 0.3 * values[:, 0]
    inputs = StepInputs(
        values, np.full((count, 1), -1, np.int32), np.zeros((count, 1), np.float32), no_lag_matrix(count)
    )
    source_s = np.where(is_music, np.cumsum(is_music) * 0.2, np.nan).astype(np.float32)
    return Example(inputs, classes, source_s)


def test_each_step_is_what_a_truth_says_of_its_middle():
    segments = (
        Segment(0.0, 2.05, "music", 3.0), Segment(2.1, 4.0, "noodling"), Segment(4.0, 7.7, "sloppy", 1.0, speed=1.02),
    )  # fmt: skip
    truth = Truth(9.0, 8.0, segments)
    classes, sources = classes_of(truth, 48), sources_of(truth, 48)
    for step in range(48):
        middle_s = (step + 0.5) * STEP_S
        here = [one for one in segments if one.start_s <= middle_s < one.end_s]
        wanted = {"music": "keep", "noodling": "noodling", "sloppy": "bad_take"}[here[0].kind] if here else "sounds"
        assert CLASSES[classes[step]] == wanted
        source_s = here[0].source_s if here else None
        if source_s is None:
            assert np.isnan(sources[step])
        else:
            assert sources[step] == pytest.approx(source_s + (middle_s - here[0].start_s) * here[0].speed)


@pytest.fixture
def jams():
    rng = np.random.default_rng(0)
    return [jam(rng) for _ in range(8)]


def _same(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    there = other.state_dict()
    return all(torch.equal(value, there[name]) for name, value in one.state_dict().items())


def test_it_learns_a_trivial_task(jams):
    network = train_network(jams[:6], replace(TRAINING, epochs=25, learning_rate=1e-2), SHAPE)
    chances = [chances_of(network, one) for one in jams[6:]]
    assert calibrate(chances, jams[6:]).f1 > 0.95


def test_the_same_seed_gives_the_same_weights(jams):
    one, again = (train_network(jams, TRAINING, SHAPE) for _ in range(2))
    assert _same(one, again)
    assert not _same(one, train_network(jams, replace(TRAINING, seed=5), SHAPE))


def test_epochs_hear_parts_of_many_jams_and_all_of_them_before_one_again(jams):
    assert numbers_of_epoch(3, 5, 5, seed=1) == [0, 1, 2, 3, 4]
    heard = [number for epoch in range(10) for number in numbers_of_epoch(epoch, 10, 4, seed=1)]
    assert [sorted(heard[at : at + 10]) for at in range(0, 40, 10)] == [list(range(10))] * 4
    assert heard[:10] != heard[10:20]
    assert heard[:4] != numbers_of_epoch(0, 10, 4, seed=2)

    config = replace(TRAINING, epoch_jams=3)
    assert not _same(train_network(jams, config, SHAPE), train_network(jams, TRAINING, SHAPE))


def test_jams_in_files_are_learned_from_as_those_in_memory(jams, tmp_path):
    paths = [tmp_path / f"{number}.npz" for number in range(len(jams))]
    for one, path in zip(jams, paths):
        write_example(one, path)
    files = ExampleFiles(paths)
    assert len(files) == 8
    np.testing.assert_array_equal(files[3].classes, jams[3].classes)
    in_memory = [read_example(path) for path in paths]
    assert _same(train_network(files, TRAINING, SHAPE), train_network(in_memory, TRAINING, SHAPE))


def test_chances_that_are_too_sure_are_set_right():
    rng = np.random.default_rng(3)
    right = rng.normal(0, 2, (6, 4000))
    classes = np.where(rng.random(right.shape) < 1 / (1 + np.exp(-right)), 0, 1).astype(np.int8)
    chances = np.zeros((6, 4000, len(CLASSES)), np.float32)
    chances[..., 0] = 1 / (1 + np.exp(-(2 * right + 1)))
    nothing = StepInputs(
        *(np.zeros((4000, 1), kind) for kind in (np.float32, np.int32, np.float32)), no_lag_matrix(4000)
    )
    jams = [Example(nothing, one, np.arange(4000, dtype=np.float32)) for one in classes]
    found = calibrate(list(chances), jams)
    assert found.scale == pytest.approx(0.5, abs=0.03)
    assert found.shift == pytest.approx(-0.5, abs=0.05)


def test_soft_f1_is_f1_where_chances_are_certain(jams):
    batch = batch_of(jams[:1])
    scores = torch.full((1, 60, len(CLASSES)), -20.0)
    said = np.random.default_rng(1).random(60) < 0.5
    scores[0, said, 0] = 20.0
    scores[0, ~said, 1] = 20.0
    truth = jams[0].classes == 0
    wanted = 2 * (said & truth).sum() / (said.sum() + truth.sum())
    assert soft_f1(scores, batch).item() == pytest.approx(wanted, abs=1e-4)


def test_step_score_counts_music_once():
    count = 12
    classes = np.array([0] * 4 + [5] * 4 + [1] * 4, np.int8)
    source_s = np.concatenate([np.arange(4), np.arange(4), np.full(4, np.nan)]).astype(np.float32)
    example = Example(
        StepInputs(*(np.zeros((count, 1), t) for t in (np.float32, np.int32, np.float32)), no_lag_matrix(count)),
        classes,
        source_s,
    )
    assert step_score(np.arange(12) < 4, example) == StepScore(1.0, 1.0)
    assert step_score(np.arange(12) < 8, example) == StepScore(1.0, 0.5)
    assert step_score(np.arange(12) >= 8, example).f1 == 0.0
    assert step_score(np.zeros(12, bool), example).f1 == 0.0


def test_examples_come_back_and_damaged_ones_are_refused(jams, tmp_path):
    path = tmp_path / "deep" / "one.npz"
    write_example(jams[0], path)
    found = read_example(path)
    np.testing.assert_array_equal(found.classes, jams[0].classes)
    np.testing.assert_allclose(found.inputs.values, jams[0].inputs.values, atol=2e-3)
    content = path.read_bytes()
    for damaged in (b"", content[: len(content) // 2], b"nothing"):
        path.write_bytes(damaged)
        with pytest.raises(FormatError):
            read_example(path)
    objects = np.array([{"a": 1}], dtype=object)
    np.savez(path, version=objects, values=objects)
    with pytest.raises(FormatError):
        read_example(path)


def test_a_card_and_its_weights_make_a_score(jams, tmp_path):
    from editorbot.editors.scoring.learned import read_score
    from editorbot.editors.scoring.network import SHAPE as whole
    from editorbot.errors import MismatchError, NotFoundError
    from editorbot.models.scorer import ScorerNetwork
    from editorbot.training.scored.run import write_score

    path = tmp_path / "mine.safetensors"
    write_score(
        [ScorerNetwork(whole)] * 2, Calibration(0.5, 0.25, 6.0, 0.9), path, card={"licence": "GPL-3.0-or-later"}
    )
    score = read_score(path)
    assert (len(score.members), score.scale, score.shift, score.switch_cost) == (2, 0.5, 0.25, 6.0)
    card = json.loads(path.with_suffix(".json").read_text())
    assert card["licence"] == "GPL-3.0-or-later"
    read_score.cache_clear()
    path.with_suffix(".json").write_text(json.dumps({**card, "classes": ["other"]}))
    with pytest.raises(MismatchError, match="classes"):
        read_score(path)
    path.write_bytes(b"nothing")
    with pytest.raises(FormatError):
        read_score(path)
    with pytest.raises(NotFoundError):
        read_score(tmp_path / "none.safetensors")
