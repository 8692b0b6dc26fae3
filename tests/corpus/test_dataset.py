"""The npz of behavioral cloning: written, read, and refused."""

from dataclasses import replace

import numpy as np
import pytest

from editorbot.analysis.features import FEATURE_NAMES
from editorbot.corpus.dataset import BcDataset, joined, read_dataset, with_artists, write_dataset
from editorbot.corpus.truth import Segment, Truth, write_truth
from editorbot.environment.state import STATE_SIZE
from editorbot.errors import EmptyError, FormatError, NotFoundError, VersionError


def small(samples=6, beats=9, name="blues", seed=0):
    rng = np.random.default_rng(seed)
    return BcDataset(
        states=rng.standard_normal((samples, STATE_SIZE)).astype(np.float32),
        type_labels=rng.integers(0, 20, samples),
        size_labels=rng.integers(0, 5, samples),
        amount_labels=rng.integers(0, 5, samples),
        good_bad=rng.integers(0, 2, samples),
        pair_ids=np.full(samples, name),
        recording_ids=np.zeros(samples, dtype=np.int64),
        beat_index=rng.integers(0, beats, samples),
        features=rng.standard_normal((beats, len(FEATURE_NAMES))).astype(np.float32),
        offsets=np.array([0, beats]),
        recording_names=(name,),
        data_dir="training_data",
    )


def test_what_was_written_is_read(tmp_path):
    data = joined([small(), small(4, 7, "wörk ☂", 1)], "training_data")
    write_dataset(tmp_path / "bc.npz", data)
    read = read_dataset(tmp_path / "bc.npz")
    for key in ("states", "type_labels", "pair_ids", "recording_ids", "features", "offsets"):
        assert np.array_equal(getattr(read, key), getattr(data, key)), key
    assert read.recording_names == ("blues", "wörk ☂")
    assert read.offsets.tolist() == [0, 9, 16]
    with np.load(tmp_path / "bc.npz", allow_pickle=False) as archive:
        assert archive["states"].dtype == np.float32
        assert archive["pair_ids"].dtype.kind == "U"
        assert all(archive[key].dtype == np.int64 for key in ("type_labels", "good_bad", "recording_ids", "beat_index"))


def test_samples_follow_their_recording():
    one, two = small(), small(4, 7, "two", 1)
    data = joined([one, two], "x")
    rows = data.features[data.offsets[data.recording_ids] + data.beat_index]
    assert np.array_equal(rows[6:], two.features[two.beat_index])
    assert data.rows(np.arange(6, 10)).pair_ids.tolist() == ["two"] * 4


def truth(artist):
    return Truth(2.0, 1.0, (Segment(1.0, 2.0, "music", 0.0),), artist=artist)


def test_artists_are_kept_and_files_without_them_are_read(tmp_path):
    data = joined([replace(small(), artists=("zaz-data",)), small(4, 7, "two", 1)], "x")
    write_dataset(tmp_path / "bc.npz", data)
    assert read_dataset(tmp_path / "bc.npz").artists == data.artists == ("zaz-data", "")
    with np.load(tmp_path / "bc.npz", allow_pickle=False) as archive:
        arrays = dict(archive)
    assert arrays["artists"].dtype.kind == "U"
    del arrays["artists"]
    np.savez(tmp_path / "old.npz", **arrays)
    assert read_dataset(tmp_path / "old.npz").artists == ("", "")
    np.savez(tmp_path / "odd.npz", **arrays, artists=np.zeros(2))
    with pytest.raises(FormatError, match="artists must be U"):
        read_dataset(tmp_path / "odd.npz")
    with pytest.raises(FormatError, match="artists has 1 entries, but there are 2 recordings"):
        replace(data, artists=("one",))


def test_artists_that_are_missing_are_those_of_the_truths(tmp_path):
    (tmp_path / "truth").mkdir()
    write_truth(tmp_path / "truth/blues.json", truth("us"))
    write_truth(tmp_path / "truth/two.json", truth("them"))
    made_anew = replace(small(), recording_names=("blues+3",), artists=("",))
    told = replace(small(4, 7, "two", 1), artists=("you",))
    data = joined([small(), made_anew, told, small(4, 7, "three", 1)], "x")
    assert data.recording_pairs == ("blues", "blues", "two", "three")
    assert with_artists(data, tmp_path).artists == ("us", "us", "you", "")
    assert with_artists(data, tmp_path / "nowhere").artists == ("", "", "you", "")
    (tmp_path / "truth/three.json").write_text("damaged")
    with pytest.raises(FormatError, match="no JSON"):
        with_artists(data, tmp_path)


def test_objects_are_refused_with_the_command_that_writes_it_anew(tmp_path):
    np.savez(tmp_path / "bad.npz", pair_ids=np.array(["a", None], dtype=object))
    with pytest.raises(FormatError, match=r"Python objects.*scripts\.infer_rich_bc_labels"):
        read_dataset(tmp_path / "bad.npz")


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04 torn"])
def test_damaged_files_are_refused(tmp_path, content):
    (tmp_path / "bad.npz").write_bytes(content)
    with pytest.raises(FormatError, match="damaged"):
        read_dataset(tmp_path / "bad.npz")


def test_other_versions_are_refused_naming_both(tmp_path):
    write_dataset(tmp_path / "bc.npz", small())
    with np.load(tmp_path / "bc.npz", allow_pickle=False) as archive:
        arrays = dict(archive)
    for key, value, text in (
        ("format", np.array("editorbot.bc/9"), "editorbot.bc/9.*editorbot.bc/1"),
        ("feature_names", arrays["feature_names"][::-1], "feature_names are 121 .* has 121"),
        ("type_names", arrays["type_names"][:18], "type_names are 18 .* has 20"),
    ):
        np.savez(tmp_path / "old.npz", **(arrays | {key: value}))
        with pytest.raises(VersionError, match=text):
            read_dataset(tmp_path / "old.npz")
    np.savez(tmp_path / "old.npz", **(arrays | {"states": arrays["states"].astype(np.float64)}))
    with pytest.raises(FormatError, match="states must be f4"):
        read_dataset(tmp_path / "old.npz")
    del arrays["good_bad"]
    np.savez(tmp_path / "old.npz", **arrays)
    with pytest.raises(FormatError, match="good_bad"):
        read_dataset(tmp_path / "old.npz")


def test_a_missing_file_and_nothing_to_join(tmp_path):
    with pytest.raises(NotFoundError, match="infer_rich_bc_labels"):
        read_dataset(tmp_path / "no.npz")
    with pytest.raises(EmptyError):
        joined([], "x")


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("type_labels", np.full(6, 20), "0-19"),
        ("beat_index", np.full(6, 9), "within its recording"),
        ("offsets", np.array([0, 8]), "9 rows"),
        ("states", np.full((6, STATE_SIZE), np.nan, dtype=np.float32), "no number"),
    ],
)
def test_what_does_not_fit_is_refused(key, value, text):
    with pytest.raises(FormatError, match=text):
        replace(small(), **{key: value})
