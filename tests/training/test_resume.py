"""A training of each method, broken off and resumed, equals an unbroken one; what may not change is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from editorbot.cli.train import METHODS
from editorbot.config import changed
from editorbot.errors import MismatchError
from editorbot.training.run_folder import OnLine
from tests.corpus.band.soundfonts import sine_soundfont


@dataclass(frozen=True)
class TinyRun:
    """A training that takes a second."""

    train: Callable[..., Any]
    """The method's `train`."""
    settings: Any
    """Of two epochs or more; where it is kept is set by the test."""
    other: dict[str, Any]
    """A setting that may not change on resume."""
    named: str
    """How the refusal names it."""
    latest: str = "latest.pt"
    """The checkpoint to resume from, in the run's folder."""


class Broken(Exception):
    pass


def break_off(line: str) -> None:
    """Break a run off after its first epoch or update."""
    if "epoch 1:" in line or "update 1:" in line:
        raise Broken


def kept_in(folder: Path) -> dict[str, Any]:
    """Read what a run has kept: checkpoints as they are, shipped weights as bytes."""
    checkpoints = {path.relative_to(folder): torch.load(path, weights_only=True) for path in folder.rglob("*.pt")}
    shipped = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.safetensors")}
    assert checkpoints
    assert shipped
    return checkpoints | shipped


def same(one: Any, other: Any) -> bool:
    """Compare nested plain data bit for bit, but for times."""
    if isinstance(one, dict):
        names = {name for name in one if not str(name).startswith("time/")}
        return names == {name for name in other if not str(name).startswith("time/")} and all(
            same(one[name], other[name]) for name in names
        )
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    return bool(one == other) or (one != one and other != other)


def scored(folder: Path, patch: pytest.MonkeyPatch) -> TinyRun:
    from editorbot.training.scored import run
    from editorbot.training.scored.config import ScoredSettings
    from editorbot.training.scored.examples import write_example
    from tests.training.scored.test_train import SHAPE, TRAINING, jam

    files = [folder / f"{number}.npz" for number in range(6)]
    for number, path in enumerate(files):
        write_example(jam(np.random.default_rng(number)), path)
    patch.setattr(run, "SHAPE", SHAPE)
    patch.setattr(run, "find_jams", lambda settings, on_line: run.Jams(files[:4], files[4:], "jams"))
    training = replace(TRAINING, epochs=3, transpose=0.0)
    settings = ScoredSettings(
        tracks=(folder,), valid_tracks=(folder,), members=2, workers=1, training=replace(training, epoch_jams=3)
    )
    return TinyRun(run.train, settings, {"training": {"seed": 9}}, "seed 4, but 9", latest="member_0/latest.pt")


def beats(folder: Path, patch: pytest.MonkeyPatch) -> TinyRun:
    from editorbot.training.beats import run
    from editorbot.training.beats.config import BeatsSettings
    from tests.training.beats.test_train import QUICK, TINY, clicks

    soundfont = folder / "sine.sf2"
    soundfont.write_bytes(sine_soundfont())
    patch.setattr(run, "SHAPE", TINY)
    patch.setattr(run, "_examples", lambda *of: ([clicks(seed) for seed in range(4)], "clicks"))
    settings = BeatsSettings(soundfont=soundfont, training=QUICK)
    return TinyRun(run.train, settings, {"training": {"shake": 0.5}}, "shake 0.1, but 0.5")


def ppo(folder: Path, patch: pytest.MonkeyPatch) -> TinyRun:
    from editorbot.training.ppo import run
    from tests.training.ppo.tiny_runs import played, tiny_settings

    patch.setattr(run, "played_recordings", lambda settings, on_line: played())
    return TinyRun(run.train, tiny_settings(), {"max_loops": 1}, "max_loops 32, but 1")


def pointer(folder: Path, patch: pytest.MonkeyPatch) -> TinyRun:
    from editorbot.training.pointer import run
    from tests.training.pointer.test_run import add_pair, settings_in

    add_pair(folder, "one", artist="a")
    add_pair(folder, "three", artist="b")
    add_pair(folder, "seventh", pointers=np.arange(20, 90))
    return TinyRun(run.train, settings_in(folder), {"model": {"window": 7}}, "model.window 5, but 7")


def bc(folder: Path, patch: pytest.MonkeyPatch) -> TinyRun:
    from editorbot.training.bc import run
    from tests.training.demonstrations import cloning_settings

    return TinyRun(run.train, cloning_settings(folder), {"training": {"seed": 9}}, "training.seed 0, but 9")


def mel_run(folder: Path, patch: pytest.MonkeyPatch, settings: Any) -> TinyRun:
    from editorbot.training.mel import run
    from tests.training.mel.mel_runs import write_examples

    files = write_examples(folder)
    found = run.MelFiles(tuple(files[:3]), tuple(files[3:]), frozenset({"us"}), frozenset({"them"}))
    patch.setattr(run, "example_files", lambda settings, on_line: found)
    settings = replace(settings, tracks=(), valid_tracks=(), data_dir=folder)
    return TinyRun(run.train, settings, {"training": {"weights": {"l1_weight": 2.0}}}, "weights.l1_weight 1.0, but 2.0")


def reconstruct(folder: Path, patch: pytest.MonkeyPatch) -> TinyRun:
    from editorbot.training.mel.config import ReconstructSettings
    from tests.training.mel.mel_runs import SHAPES, training

    settings = ReconstructSettings(shape=SHAPES[0], training=training(epochs=3), device="cpu")
    return mel_run(folder, patch, settings)


def mel2mel(folder: Path, patch: pytest.MonkeyPatch) -> TinyRun:
    from tests.training.mel.mel_runs import mel_settings

    return mel_run(folder, patch, mel_settings(folder))


TINY_RUNS: dict[str, Callable[[Path, pytest.MonkeyPatch], TinyRun]] = {
    "scored": scored, "beats": beats, "bc": bc, "ppo": ppo, "pointer": pointer, "reconstruct": reconstruct,
    "mel2mel": mel2mel,
}  # fmt: skip


@pytest.fixture(params=TINY_RUNS)
def tiny(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TinyRun:
    torch.set_num_threads(1)
    (tmp_path / "data").mkdir()
    return TINY_RUNS[request.param](tmp_path / "data", monkeypatch)


def run_in(tiny: TinyRun, folder: Path, resume: Path | None = None, on_line: OnLine = print) -> dict[str, Any]:
    tiny.train(replace(tiny.settings, save_dir=folder, log_dir=folder.with_name("log"), resume=resume), on_line=on_line)
    return kept_in(folder)


def test_a_resumed_run_equals_an_unbroken_one_and_keeps_its_best_wherever_it_resumes(tiny: TinyRun, tmp_path: Path):
    whole = run_in(tiny, tmp_path / "whole")
    with pytest.raises(Broken):
        run_in(tiny, tmp_path / "broken", on_line=break_off)
    elsewhere = run_in(tiny, tmp_path / "elsewhere", resume=tmp_path / "broken" / tiny.latest)
    resumed = run_in(tiny, tmp_path / "broken", resume=tmp_path / "broken" / tiny.latest)
    assert same(whole, resumed)
    assert same(whole, elsewhere)


def test_what_may_not_change_is_refused_in_one_line(tiny: TinyRun, tmp_path: Path):
    with pytest.raises(Broken):
        run_in(tiny, tmp_path / "broken", on_line=break_off)
    latest = tmp_path / "broken" / tiny.latest
    before = latest.read_bytes()
    other = replace(tiny, settings=changed(tiny.settings, tiny.other, "settings"))
    with pytest.raises(MismatchError, match=tiny.named) as refused:
        run_in(other, tmp_path / "broken", resume=latest)
    assert refused.value.path == str(latest)
    assert "\n" not in str(refused.value)
    assert latest.read_bytes() == before


def test_every_method_has_a_tiny_run() -> None:
    assert set(TINY_RUNS) == METHODS.keys()
