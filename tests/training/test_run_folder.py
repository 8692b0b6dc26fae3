"""A run's folder: what is kept, where a run resumes, and what it refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from editorbot.errors import MismatchError, NonFiniteError
from editorbot.models.checkpoint import load_checkpoint
from editorbot.training.run_folder import RunFolder, RunHeader, card_of, plain_data, random_state, restore_random_state

HEADER = RunHeader("bc", {"model": {"width": 4}, "training": {"tasks": {"mel": 0.5}, "sizes": [1, 2]}}, "d1")


def folder_in(place: Path, header: RunHeader = HEADER, **how) -> RunFolder:
    return RunFolder(header, place, score_of=lambda metrics: -metrics["loss"], **how)


def keep(folder: RunFolder, step: int, loss: float) -> None:
    weights = {"w": torch.full((1,), float(step))}
    folder.keep(step, {"loss": loss}, weights=weights, training={"step": step})


def test_best_and_latest_are_kept_and_a_resumed_run_knows_its_best(tmp_path):
    lines: list[str] = []
    with folder_in(tmp_path / "a", on_line=lines.append, log=tmp_path / "log") as folder:
        for step, loss in enumerate((3.0, 1.0, 2.0), 1):
            keep(folder, step, loss)
    assert folder.best().step == 2
    assert not folder.best().training
    assert lines[1] == "epoch 2: loss 1"
    assert list((tmp_path / "log").glob("events*"))
    resumed = folder_in(tmp_path / "b")
    found = resumed.resume(folder.latest_path)
    assert found is not None
    assert (found.step, found.training, resumed.best_score) == (3, {"step": 3}, -1.0)
    keep(resumed, 4, 1.5)
    assert resumed.best().step == 2
    with pytest.raises(MismatchError, match="no state to resume from"):
        resumed.resume(resumed.best_path)


def test_a_run_that_begins_takes_no_best_from_its_folder(tmp_path):
    keep(folder_in(tmp_path), 1, 1.0)
    fresh = folder_in(tmp_path)
    assert fresh.resume() is None
    with pytest.raises(NonFiniteError):
        fresh.best()
    keep(fresh, 1, float("nan"))
    with pytest.raises(NonFiniteError):
        fresh.best()
    keep(fresh, 2, 7.0)
    assert fresh.best().metrics == {"loss": 7.0}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"config": HEADER.config | {"model": {"width": 8}}}, "trained with model.width 4, but 8 is asked"),
        ({"config": HEADER.config | {"training": {"tasks": {"mel": 1.0}, "sizes": [1, 2]}}}, "training.tasks.mel 0.5"),
        (
            {"config": HEADER.config | {"training": {"tasks": {"mel": 0.5}, "sizes": [1, 3]}}},
            r"training\.sizes\[1\] 2, but 3",
        ),
        ({"data": "d2"}, "d1 then, d2 now"),
        ({"features": "inputs 2"}, "inputs 2"),
        ({"vocabulary": "v1"}, "v1"),
        ({"method": "ppo"}, "method"),
    ],
)
def test_another_run_is_refused_and_the_first_difference_named(tmp_path, change, said):
    keep(folder_in(tmp_path), 1, 1.0)
    other = folder_in(tmp_path / "other", replace(HEADER, **change))
    with pytest.raises(MismatchError, match=said):
        other.resume(tmp_path / "latest.pt")


def test_the_best_beside_must_be_the_same_runs(tmp_path):
    keep(folder_in(tmp_path), 1, 1.0)
    keep(folder_in(tmp_path / "other", replace(HEADER, data="d2")), 1, 1.0)
    (tmp_path / "other" / "best.pt").replace(tmp_path / "best.pt")
    with pytest.raises(MismatchError, match=r"best\.pt"):
        folder_in(tmp_path).resume(tmp_path / "latest.pt")


def test_only_named_parts_are_compared(tmp_path):
    keep(folder_in(tmp_path), 1, 1.0)
    header = replace(HEADER, config=HEADER.config | {"model": {"width": 8}}, compared=("training",))
    assert folder_in(tmp_path, header).resume(tmp_path / "latest.pt") is not None


def test_an_automatic_run_resumes_its_own_and_begins_anew_on_anothers(tmp_path):
    keep(folder_in(tmp_path), 1, 1.0)
    assert folder_in(tmp_path).resume() is None
    assert folder_in(tmp_path, automatic=True).resume() is not None
    assert folder_in(tmp_path, replace(HEADER, data="d2"), automatic=True).resume() is None


def test_patience_counts_steps_without_a_better_one_across_a_break(tmp_path):
    folder = folder_in(tmp_path, patience=2)
    for step, loss in enumerate((3.0, 1.0, 2.0), 1):
        keep(folder, step, loss)
        assert not folder.should_stop
    resumed = folder_in(tmp_path, patience=2)
    resumed.resume(tmp_path / "latest.pt")
    keep(resumed, 4, 1.0)
    assert resumed.should_stop
    assert not folder_in(tmp_path).should_stop


def test_random_states_are_restored():
    rng = np.random.default_rng(3)
    state = random_state(rng)
    drawn = (rng.random(), torch.rand(1))
    restore_random_state(state, rng)
    assert (rng.random(), torch.rand(1)) == drawn


def test_checkpoints_hold_the_header_and_cards_are_plain(tmp_path):
    header = replace(HEADER, seed=5, features="f", vocabulary="v", config=plain_data({"sizes": (1, 2), "at": tmp_path}))
    keep(folder_in(tmp_path, header), 1, 1.0)
    found = load_checkpoint(tmp_path / "latest.pt", method="bc", vocabulary="v", features="f")
    assert (found.seed, found.data, found.config) == (5, "d1", {"sizes": [1, 2], "at": str(tmp_path)})
    card = card_of(header, data="3 pairs", training={"sizes": (1,)}, command="editorbot train", validation={"f1": 0.5})
    assert json.loads(json.dumps(card)) == card
    assert (card["data_digest"], card["seed"], card["validation"]) == ("d1", 5, {"f1": 0.5})
