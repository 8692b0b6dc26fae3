"""The twelve stem columns, from stems that are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from editorbot.analysis.analyze import analyze
from editorbot.analysis.cache import AnalysisCache
from editorbot.analysis.features import FEATURE_NAMES
from editorbot.analysis.stem_features import STEM_COLUMNS, add_stem_features, stem_features, with_stem_columns
from editorbot.analysis.stems import STEM_NAMES
from editorbot.errors import MissingExtraError
from editorbot.recording import open_recording
from tests.sounds import band, write

RATE = 22_050
BEATS_S = np.arange(0.0, 8.0, 0.5)


def known_stems(rate: int = RATE) -> np.ndarray:
    """Drums on every second beat, a bass at 80 Hz, a voice at 1 kHz in the second half, the rest silent."""
    t = np.arange(8 * rate) / rate
    rng = np.random.default_rng(0)
    drums = rng.standard_normal(len(t)) * np.exp(-(t % 1.0) * 40)
    voice = 0.2 * np.sin(2 * np.pi * 1_000 * t) * (t >= 4)
    stems = np.stack([0.3 * drums, 0.3 * np.sin(2 * np.pi * 80 * t), voice, np.zeros_like(t)])
    return np.stack([stems, stems], axis=1).astype(np.float32)


def columns_of(stems: np.ndarray, rate: int, *, block: int = 10_000) -> dict[str, np.ndarray]:
    blocks = (stems[:, :, start : start + block] for start in range(0, stems.shape[2], block))
    columns = stem_features(blocks, rate, 8 * RATE, BEATS_S)
    assert columns.shape == (len(BEATS_S), STEM_COLUMNS)
    return dict(zip(FEATURE_NAMES[-STEM_COLUMNS:], columns.T))


def test_the_columns_stand_at_the_end_of_the_features() -> None:
    assert len(FEATURE_NAMES) == 121
    assert STEM_COLUMNS == 12
    assert [name.split("_")[0] for name in FEATURE_NAMES[109::3]] == list(STEM_NAMES)


@pytest.mark.parametrize("rate", [22_050, 44_100])
def test_each_column_says_what_its_stem_does(rate: int) -> None:
    columns = columns_of(known_stems(rate), rate)
    hits, rests = columns["drums_onset_strength"][2::2], columns["drums_onset_strength"][1::2]
    assert hits.min() > 3 * rests.max()
    np.testing.assert_allclose(columns["bass_rms"][1:-1], 0.3 / np.sqrt(2), rtol=0.02)
    np.testing.assert_allclose(columns["bass_centroid_hz"][1:-1], 80, rtol=0.1)
    np.testing.assert_allclose(columns["vocals_centroid_hz"][9:-1], 1_000, rtol=0.02)
    assert columns["vocals_rms"][:7].max() < 1e-3
    np.testing.assert_allclose(columns["vocals_rms"][9:-1], 0.2 / np.sqrt(2), rtol=0.02)
    assert not columns["other_rms"].any()


def test_blocks_do_not_matter() -> None:
    one, other = (columns_of(known_stems(44_100), 44_100, block=size) for size in (7_777, 1 << 20))
    for name in one:
        np.testing.assert_allclose(one[name], other[name], atol=1e-3, err_msg=name)


class Thirds:
    """Gives each stem a share of the mix, and counts how often it is asked."""

    name, sample_rate, segment_samples = "thirds", RATE, 3 * RATE

    def __init__(self) -> None:
        self.asked = 0

    def separate(self, mix: np.ndarray) -> np.ndarray:
        self.asked += 1
        return np.stack([mix, 0.5 * mix, 0.25 * mix, 0 * mix]).astype(np.float32)


def test_a_stem_that_is_the_whole_mix_has_the_columns_of_the_mix(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", band(9.0, RATE), RATE)
    cache, separator = AnalysisCache(tmp_path / "cache"), Thirds()

    def load(model: str, device: str) -> Thirds:
        return separator

    with open_recording(path) as recording:
        plain = analyze(recording)
        assert not plain.features[:, 109:].any()
        stems = add_stem_features(plain, recording, "thirds", cache=cache, load=load)
        asked = separator.asked
        again = add_stem_features(plain, recording, "thirds", cache=cache, load=load)
        other = add_stem_features(plain, recording, "fourths", cache=cache, load=load)
    assert separator.asked == 2 * asked > 0
    np.testing.assert_array_equal(stems.features, again.features)
    np.testing.assert_array_equal(stems.features, other.features)
    np.testing.assert_array_equal(stems.features[:, :109], plain.features[:, :109])
    by_name = dict(zip(FEATURE_NAMES, stems.features.T))
    for stem, share in (("drums", 1.0), ("bass", 0.5), ("vocals", 0.25)):
        np.testing.assert_allclose(by_name[f"{stem}_rms"], share * by_name["rms"], rtol=1e-3)
        np.testing.assert_allclose(by_name[f"{stem}_centroid_hz"], by_name["centroid_hz"], rtol=2e-2)
    np.testing.assert_allclose(by_name["drums_onset_strength"], by_name["onset_strength"], rtol=2e-2, atol=1e-2)


def test_an_error_of_the_separator_reaches_the_user(tmp_path: Path) -> None:
    def fail(model: str, device: str) -> Thirds:
        raise MissingExtraError("no stems here")

    with open_recording(write(tmp_path / "a.wav", band(4.0, RATE), RATE)) as recording:
        plain = analyze(recording)
        with pytest.raises(MissingExtraError):
            add_stem_features(plain, recording, "none", load=fail)


def test_stems_replace_what_was_there(tmp_path: Path) -> None:
    with open_recording(write(tmp_path / "a.wav", band(4.0, RATE), RATE)) as recording:
        plain = analyze(recording)
    columns = np.full((len(plain.beats_s), STEM_COLUMNS), 2, dtype=np.float32)
    twice = with_stem_columns(with_stem_columns(plain, columns), columns)
    np.testing.assert_array_equal(twice.features, np.hstack([plain.features[:, :109], columns]))


def test_the_bands_own_stems_show_their_hits() -> None:
    pytest.importorskip("tinysoundfont")
    from editorbot.corpus.band import Note, Part, Score, play
    from tests.corpus.band.soundfonts import sine_soundfont

    hits_s, tune_s = BEATS_S[1::3], BEATS_S[2::4]
    drums = Part("kit", "drums", tuple(Note(at, at + 0.1, 69, 110) for at in hits_s))
    voice = Part("singer", "vocals", tuple(Note(at, at + 0.4, 69, 100) for at in tune_s))
    played = play(Score((drums, voice), BEATS_S, BEATS_S[::4], 8.0), sine_soundfont(), sample_rate=44_100)
    stems = np.stack([played.by_role()[name].T for name in STEM_NAMES])
    samples = -(-stems.shape[2] // 2)
    columns = dict(zip(FEATURE_NAMES[-STEM_COLUMNS:], stem_features([stems], 44_100, samples, BEATS_S).T))
    for stem, times_s in (("drums", hits_s), ("vocals", tune_s)):
        onset, is_hit = columns[f"{stem}_onset_strength"], np.isin(BEATS_S, times_s)
        assert onset[is_hit].min() > 2 * onset[~is_hit].max()
    assert not columns["bass_rms"].any()


def test_the_commands_fill_the_columns(tmp_path: Path) -> None:
    pytest.importorskip("demucs")
    from editorbot.cli.main import main
    from tests.analysis.tiny_demucs import save_tiny_demucs

    path = write(tmp_path / "a.wav", band(4.0, RATE), RATE)
    save_tiny_demucs(tmp_path / "tiny.safetensors")
    model = ["--stems", "--stem-model", str(tmp_path / "tiny.safetensors"), "--no-cache"]
    features = tmp_path / "f.npz"
    assert main(["analyze", str(path), "--features", str(features), *model]) == 0
    with np.load(features) as archive:
        assert (np.abs(archive["features"][:, 109:]).max(axis=0) > 0).all()
