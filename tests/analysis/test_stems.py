"""Separation by segment, tested with a separator whose stems are known and with a tiny Demucs of the real class."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from editorbot.analysis.demucs import DEFAULT_MODEL, DemucsSeparator, check_model_name
from editorbot.analysis.stems import (
    Separator,
    measure_mix,
    overlap_add,
    segment_weights,
    separate_blocks,
    stem_samples,
    stereo_blocks,
)
from editorbot.errors import FormatError, MismatchError, MissingExtraError, NotFoundError, UsageError
from editorbot.recording import open_recording
from tests.analysis.tiny_demucs import RATE, save_tiny_demucs
from tests.sounds import write


class Shares:
    """Gives each stem a fixed share of the mix."""

    name, sample_rate, segment_samples = "shares", RATE, 1_000
    shares = np.array([0.4, 0.3, 0.2, 0.1], dtype=np.float32)

    def separate(self, mix: np.ndarray) -> np.ndarray:
        assert mix.shape[1] <= self.segment_samples
        return self.shares[:, None, None] * mix


def stereo(seconds: float = 3.3, rate: int = RATE) -> np.ndarray:
    rng = np.random.default_rng(0)
    return 0.2 * rng.standard_normal((round(seconds * rate), 2)) + 0.05


@pytest.mark.parametrize("samples", [1, 700, 749, 750, 751, 1_000, 1_001, 5_432])
def test_segments_that_overlap_add_up_to_the_mix(samples: int) -> None:
    mix = np.random.default_rng(1).standard_normal((2, samples)).astype(np.float32)
    pieces = (mix[:, start : start + 333] for start in range(0, samples, 333))
    stems = np.concatenate(list(overlap_add(pieces, samples, Shares())), axis=2)
    assert stems.shape == (4, 2, samples)
    np.testing.assert_allclose(stems, Shares.shares[:, None, None] * mix, atol=1e-6)


def test_weights_are_a_triangle() -> None:
    np.testing.assert_allclose(segment_weights(6), np.array([1, 2, 3, 3, 2, 1]) / 3)
    assert segment_weights(7).min() > 0


@pytest.mark.parametrize(("channels", "rate"), [(1, 8_000), (2, 8_000), (2, 44_100), (5, 22_050)])
def test_stems_of_any_recording_are_as_long_as_it(tmp_path: Path, channels: int, rate: int) -> None:
    sound = 0.1 * np.random.default_rng(2).standard_normal((round(2.2 * rate), channels))
    with open_recording(write(tmp_path / "a.wav", sound, rate)) as recording:
        stems = np.concatenate(list(separate_blocks(recording, Shares())), axis=2)
        mix = np.concatenate(list(stereo_blocks(recording, RATE)), axis=1)
        assert stems.shape[2] == mix.shape[1] == stem_samples(recording, RATE)
        level = measure_mix(recording, RATE)
    assert level.mean == pytest.approx(mix.mean(0, dtype=float).mean(), abs=1e-9)
    assert level.deviation == pytest.approx(mix.mean(0, dtype=float).std(ddof=1), rel=1e-6)
    # The mean is taken off before and put back on each stem, as Demucs does.
    expected = Shares.shares[:, None, None] * (mix - level.mean) + level.mean
    np.testing.assert_allclose(stems, expected, atol=1e-5)


def test_silence_stays_silent(tmp_path: Path) -> None:
    with open_recording(write(tmp_path / "a.wav", np.zeros((9_000, 2)), RATE)) as recording:
        assert not np.concatenate(list(separate_blocks(recording, Shares())), axis=2).any()


@pytest.mark.parametrize("name", ["htdemucs", "mdx_extra_q", "weights.th", "weights.pt", "", "hf://"])
def test_names_that_would_be_unpickled_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="unpickled"):
        DemucsSeparator(name)


def test_names_of_the_hub_and_safetensors_are_taken() -> None:
    check_model_name(DEFAULT_MODEL)
    check_model_name("hf://someone/htdemucs_ft")
    check_model_name("folder/mine.safetensors")


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "demucs.apply", None)
    with pytest.raises(MissingExtraError, match=r"-m pip install .*\[stems\]"):
        DemucsSeparator()


def test_without_network_the_error_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("demucs")
    hub = pytest.importorskip("huggingface_hub")

    def fail(*args: str) -> str:
        raise OSError("no route to host")

    monkeypatch.setattr(hub, "hf_hub_download", fail)
    with pytest.raises(MissingExtraError, match="connect to the network"):
        DemucsSeparator("hf://htdemucs")


def test_a_bag_of_the_hub_is_fetched_part_by_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("demucs")
    hub = pytest.importorskip("huggingface_hub")
    (tmp_path / "htdemucs_ft.yaml").write_text("models: ['one', 'two']\nsegment: 0.5\n")
    for part in ("one", "two"):
        save_tiny_demucs(tmp_path / f"{part}.safetensors")
    asked = []

    def fetch(repo: str, name: str) -> str:
        asked.append((repo, name))
        return str(tmp_path / name)

    monkeypatch.setattr(hub, "hf_hub_download", fetch)
    separator = DemucsSeparator("hf://someone/htdemucs_ft")
    assert {repo for repo, _ in asked} == {"someone/HTDemucs-ft"}
    assert [name for _, name in asked] == ["htdemucs_ft.yaml", "one.safetensors", "two.safetensors"]
    assert separator.segment_samples == RATE // 2
    assert separator.separate(np.ones((2, 3_000), dtype=np.float32)).shape == (4, 2, 3_000)


def test_a_tiny_demucs_separates_as_its_own_package_does(tmp_path: Path) -> None:
    pytest.importorskip("demucs")
    import torch
    from demucs.apply import apply_model

    model = save_tiny_demucs(tmp_path / "tiny.safetensors")
    separator = DemucsSeparator(str(tmp_path / "tiny.safetensors"))
    assert isinstance(separator, Separator)
    mix = np.random.default_rng(3).standard_normal((2, 20_000)).astype(np.float32)
    ours = np.concatenate(list(overlap_add(iter([mix]), 20_000, separator)), axis=2)
    theirs = dict(zip(model.sources, apply_model(model, torch.from_numpy(mix)[None], shifts=0)[0].numpy()))
    # What comes behind the last whole segment is padded with silence here, with earlier sound there.
    whole = 12_000
    for stem, name in zip(ours, ("drums", "bass", "vocals", "other")):
        np.testing.assert_allclose(stem[:, :whole], theirs[name][:, :whole], atol=2e-5)


def test_stems_beside_the_four_are_part_of_the_rest(tmp_path: Path) -> None:
    pytest.importorskip("demucs")
    import torch

    model = save_tiny_demucs(tmp_path / "six.safetensors", ("drums", "bass", "other", "vocals", "guitar", "piano"))
    mix = np.random.default_rng(4).standard_normal((2, RATE)).astype(np.float32)
    with torch.no_grad():
        theirs = dict(zip(model.sources, model(torch.from_numpy(mix)[None])[0].numpy()))
    ours = DemucsSeparator(str(tmp_path / "six.safetensors")).separate(mix)
    np.testing.assert_allclose(ours[3], theirs["other"] + theirs["guitar"] + theirs["piano"], atol=1e-5)
    np.testing.assert_allclose(ours[2], theirs["vocals"], atol=1e-5)


def test_a_model_without_the_four_stems_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("demucs")
    save_tiny_demucs(tmp_path / "two.safetensors", ("vocals", "other"))
    with pytest.raises(MismatchError, match="no drums"):
        DemucsSeparator(str(tmp_path / "two.safetensors"))


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({"klass": "os.system", "args": '["echo"]'}, "class must be"),
        ({"structure": '{"_class": "os.system"}'}, "packed"),
        ({"kwargs": '{"sources": ["drums", "bass", "other", "vocals"]}'}, "do not fit"),
        ({"kwargs": "nonsense"}, "do not fit"),
    ],
)
def test_files_that_name_code_or_do_not_fit_are_refused(tmp_path: Path, header: dict[str, str], message: str) -> None:
    pytest.importorskip("demucs")
    save_tiny_demucs(tmp_path / "bad.safetensors", header=header)
    with pytest.raises(FormatError, match=message):
        DemucsSeparator(str(tmp_path / "bad.safetensors"))


def test_damaged_and_missing_files_are_named(tmp_path: Path) -> None:
    pytest.importorskip("demucs")
    with pytest.raises(NotFoundError):
        DemucsSeparator(str(tmp_path / "no.safetensors"))
    (tmp_path / "bad.safetensors").write_bytes(b"\x00" * 40)
    with pytest.raises(FormatError, match="safetensors"):
        DemucsSeparator(str(tmp_path / "bad.safetensors"))
