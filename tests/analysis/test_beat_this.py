"""The optional beat tracker: its package is stubbed, the fetching and reading of its weights is not."""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from editorbot.analysis.analyze import analyze
from editorbot.analysis.beat_grid import BeatGrid
from editorbot.analysis.beat_this import _load_network
from editorbot.analysis.cache import AnalysisCache
from editorbot.analysis.trackers import choose_tracker
from editorbot.cli.main import main
from editorbot.errors import MissingExtraError
from editorbot.recording import open_recording
from editorbot.timebase import ANALYSIS_RATE
from tests.analysis.rhythm_sounds import drums, duration_of, steady, tracks_of
from tests.sounds import band, write

torch = pytest.importorskip("torch")


class Package:
    """A stand-in for beat-this whose weights are the beats that it finds."""

    def __init__(self) -> None:
        self.beats_s, self.downbeats_s = np.arange(0.25, 60, 0.5), np.arange(0.25, 60, 2.0)
        self.fetched: list[str] = []
        self.rates: list[int] = []

    def fetch(self, url: str, path: str, *, progress: bool) -> None:
        self.fetched.append(url)
        torch.save({"beats": torch.tensor(self.beats_s), "downbeats": torch.tensor(self.downbeats_s)}, path)

    def modules(self) -> tuple[types.ModuleType, types.ModuleType]:
        rates = self.rates

        class Audio2Beats:
            def __init__(self, checkpoint_path: str, device: str, dbn: bool) -> None:
                assert (device, dbn) == ("cpu", False)
                self.found = torch.load(checkpoint_path, weights_only=True)

            def __call__(self, signal: np.ndarray, rate: int) -> tuple[np.ndarray, np.ndarray]:
                rates.append(rate)
                end_s = len(signal) / rate
                beats_s, downbeats_s = self.found["beats"].numpy(), self.found["downbeats"].numpy()
                return beats_s[beats_s < end_s], downbeats_s[downbeats_s < end_s]

        inference = types.ModuleType("beat_this.inference")
        inference.CHECKPOINT_URL = "https://weights.example"  # type: ignore[attr-defined]
        inference.Audio2Beats = Audio2Beats  # type: ignore[attr-defined]
        return types.ModuleType("beat_this"), inference


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Package]:
    made = Package()
    whole, inference = made.modules()
    monkeypatch.setitem(sys.modules, "beat_this", whole)
    monkeypatch.setitem(sys.modules, "beat_this.inference", inference)
    monkeypatch.setattr(torch.hub, "download_url_to_file", made.fetch)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("EDITORBOT_CACHE_DIR", str(tmp_path / "cache"))
    _load_network.cache_clear()
    yield made
    _load_network.cache_clear()


def track(mono: np.ndarray) -> BeatGrid:
    return choose_tracker("beat-this")(tracks_of(mono), duration_of(mono), lambda: mono.astype(np.float32))


def test_gaps_are_filled_and_downbeats_are_the_networks(package: Package) -> None:
    true_s = steady(120.0, 0.2, 40.0)
    package.beats_s = true_s[(true_s < 15) | (true_s > 20)]
    package.downbeats_s = true_s[::4][true_s[::4] < 15]
    grid = track(drums(true_s, 4, 40.0))
    assert package.rates == [ANALYSIS_RATE]
    assert (np.diff(grid.beats_s) > 0).all()
    assert np.abs(true_s[:, None] - grid.beats_s).min(axis=1).max() < 1e-6
    np.testing.assert_allclose(grid.beats_s[grid.downbeats], package.downbeats_s)
    assert grid.beats_per_bar == 4
    assert grid.beat_confidence[(grid.beats_s > 15.5) & (grid.beats_s < 19.5)].max() == 0


def test_no_beats_are_said(package: Package) -> None:
    package.beats_s = package.downbeats_s = np.empty(0)
    assert "NO_BEAT" in track(np.zeros(10 * ANALYSIS_RATE)).warnings[0]


def test_weights_are_fetched_once_and_read_as_a_file(package: Package, tmp_path: Path) -> None:
    for _ in range(2):
        _load_network.cache_clear()
        choose_tracker("beat-this")
    assert package.fetched == ["https://weights.example/final0.ckpt"]
    assert (tmp_path / "torch/hub/checkpoints/beat_this-final0.ckpt").is_file()


def test_weights_that_cannot_be_fetched_are_named(package: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    with pytest.raises(MissingExtraError, match=r"final0.*no network.*--beat-tracker embedded"):
        choose_tracker("beat-this")


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"\x80\x02cos\nsystem\n."])
def test_weights_that_are_damaged_or_would_run_code_are_refused(
    package: Package, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "torch/hub/checkpoints/beat_this-final0.ckpt"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    with pytest.raises(MissingExtraError, match="cannot be had"):
        choose_tracker("beat-this")


@pytest.mark.parametrize(
    "command",
    [["analyze", "a.wav"], ["edit", "a.wav", "b.wav"], *(["pairs", name] for name in ("precache", "labels", "augment")),
     ["pairs", "simulate", "a.wav"]],
)  # fmt: skip
def test_without_the_package_one_line_names_the_extra(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _load_network.cache_clear()
    monkeypatch.setitem(sys.modules, "beat_this", None)
    monkeypatch.setenv("EDITORBOT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "a.wav", band(4.0, ANALYSIS_RATE))
    assert main([*command, "--beat-tracker", "beat-this"]) == MissingExtraError.exit_code
    said = capsys.readouterr().err
    assert said.count("\n") == said.count("error[MISSING_EXTRA]") + said.count("device: cpu") <= 2
    assert "[beats]" in said


def test_each_tracker_has_an_entry_of_its_own_in_the_cache(package: Package, tmp_path: Path) -> None:
    cache = AnalysisCache(tmp_path / "cache")
    with open_recording(write(tmp_path / "a.wav", band(8.0, ANALYSIS_RATE))) as recording:
        default = analyze(recording, cache=cache)
        assert cache.path_of(recording.source).exists()  # the key that it had before there was a choice
        other = analyze(recording, beat_tracker="beat-this", cache=cache)
        again = analyze(recording, beat_tracker="beat-this", cache=cache)
        assert len(list((tmp_path / "cache").iterdir())) == 2
        np.testing.assert_array_equal(analyze(recording, cache=cache).beats_s, default.beats_s)
    assert len(package.rates) == 1
    np.testing.assert_array_equal(other.beats_s, again.beats_s)
    np.testing.assert_allclose(other.beats_s, package.beats_s[: len(other.beats_s)])


def test_the_commands_take_it(package: Package, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "a.wav", band(8.0, ANALYSIS_RATE))
    assert main(["analyze", str(path), "--json", "--beat-tracker", "beat-this"]) == 0
    assert json.loads(capsys.readouterr().out)["beats_s"][:2] == [0.25, 0.75]
    assert main(["edit", str(path), "--dry-run", "--beat-tracker", "beat-this", "--editor", "keep-all"]) == 0
    assert len(package.rates) == 1  # the edit found the analysis in the cache
