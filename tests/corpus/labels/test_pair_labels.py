"""The labels of a pair on disk: written, read again, made anew where something changed."""

import json

import numpy as np
import pytest

from editorbot.corpus.batch import run_batch
from editorbot.corpus.cache_files import CacheFolder, read_array
from editorbot.corpus.labels import pair_labels
from editorbot.corpus.labels.pair_labels import (
    LabelJob,
    kept_beats,
    label_pair,
    label_paths,
    stored_edit,
)
from editorbot.corpus.labels.samples import label_and_sample, samples_of_pair
from editorbot.corpus.pairs import find_pairs
from editorbot.corpus.precache import PrecacheJob, precache
from editorbot.corpus.truth import Segment, Truth, write_truth
from editorbot.editlist.edit_list import Clip, EditList, Join, Source
from editorbot.editlist.json_format import read_edit_list
from editorbot.errors import MismatchError
from editorbot.recording import open_recording
from tests.corpus.labels.label_pairs import RATE, make_pair
from tests.sounds import write


@pytest.fixture
def folder(tmp_path):
    return make_pair(tmp_path / "data", [Clip(0, 8), Clip(12, 20), Clip(20, 24, reverse=True), Clip(24, 32)])


def job_of(folder, **options):
    return LabelJob(find_pairs(folder).pairs[0], folder, CacheFolder(folder.parent / "cache"), picture=False, **options)


def test_labels_are_written_and_read_again(folder, monkeypatch):
    job = job_of(folder)
    first = label_pair(job)
    paths = label_paths(folder, job.cache, "blues")
    assert read_edit_list(paths.edit) == first.edit_list
    assert first.edit_list.made_by.editor == "human"
    kept = np.load(paths.kept, allow_pickle=False)
    assert kept.dtype == np.int8
    assert np.array_equal(kept, first.kept)
    assert len(kept) == len(first.analysis.beats_s)
    assert first.fidelity.frames_share > 0.95
    monkeypatch.setattr(pair_labels, "infer_edit", None)
    again = label_pair(job)
    assert again.edit_list == first.edit_list
    assert again.fidelity.frames_share == pytest.approx(first.fidelity.frames_share, abs=1e-3)


@pytest.mark.parametrize("damage", ["{", '{"version": 9}', "[]"])
def test_damaged_reports_are_made_anew(folder, damage):
    job = job_of(folder)
    first = label_pair(job)
    report = label_paths(folder, job.cache, "blues").report
    report.write_text(damage)
    assert label_pair(job).edit_list == first.edit_list
    assert json.loads(report.read_text())["version"] == 1


def test_another_raw_recording_makes_new_labels(folder):
    job = job_of(folder)
    label_pair(job)
    rng = np.random.default_rng(5)
    bursts = np.repeat(rng.uniform(0.02, 0.3, 160), 2_756)
    write(folder / "input" / "blues_raw.wav", bursts * rng.standard_normal(len(bursts)))
    with pytest.raises(MismatchError, match="% of it was found"):
        label_pair(job)


def test_results_do_not_depend_on_the_workers_and_a_failure_stops_nothing(folder):
    make_pair(folder, [Clip(4, 12), Clip(16, 24)], sample="rock")
    (folder / "input" / "air_raw.wav").write_text("text")
    (folder / "desired_output" / "air_edit.wav").write_text("text")
    pairs = find_pairs(folder).pairs
    results = []
    for workers in (1, 2):
        cache = CacheFolder(folder.parent / f"cache{workers}")
        jobs = [LabelJob(pair, folder, cache, force=True, picture=False) for pair in pairs]
        done = list(run_batch(jobs, label_and_sample, workers=workers))
        results.append(sorted((d.job.pair.sample, d.result.labels.edit_list) for d in done if d.error is None))
        assert [d.job.pair.sample for d in done if d.error is not None] == ["air"]
    assert results[0] == results[1]
    assert [name for name, _ in results[0]] == ["blues", "rock"]


def test_half_a_beat_played_is_kept():
    source = Source("jam.wav", "sha256:" + "0" * 64, 100, 1, 400)
    edit_list = EditList(source, (Clip(0, 150), Clip(140, 155), Clip(280, 400)), (Join(), Join()))
    assert kept_beats(edit_list, np.array([0, 100, 200, 300])).tolist() == [1, 1, 0, 1]


def known_folder(tmp_path, segments, duration_s=10.0, artist=""):
    folder = make_pair(tmp_path / "data", [Clip(0, 20)])
    (folder / "truth").mkdir()
    write_truth(folder / "truth" / "blues.json", Truth(duration_s, 8.0, tuple(segments), artist=artist))
    return folder


def test_the_edit_of_a_simulated_pair_is_read_from_its_truth(tmp_path):
    takes = [(0.0, 1.0, "talk"), (1.0, 4.0, "music", 4.0), (4.0, 5.0, "talk"), (5.0, 7.0, "music", 0.0)]
    folder = known_folder(tmp_path, [Segment(*take) for take in [*takes, (7.02, 9.0, "music", 2.0, 1.01)]])
    labels = label_pair(job_of(folder))
    assert [(clip.start / RATE, clip.end / RATE) for clip in labels.edit_list.clips] == [(5, 9), (1, 4)]
    assert labels.fidelity is None
    assert not (folder / "pointer_sequences" / "blues_info.json").exists()
    assert read_edit_list(label_paths(folder, job_of(folder).cache, "blues").edit) == labels.edit_list


@pytest.mark.parametrize("measure", [False, True])
def test_samples_tell_the_artist_that_the_truth_names(tmp_path, measure):
    folder = known_folder(tmp_path, [Segment(0.0, 10.0, "music", 0.0)], artist="us")
    labels = label_pair(job_of(folder, measure=measure))
    assert (labels.fidelity is None) != measure
    assert samples_of_pair(labels).artists == ("us",)


@pytest.mark.parametrize(
    ("segment", "duration_s", "says"),
    [((0.0, 1.0, "talk"), 10.0, "nothing of it is kept"), ((0.0, 1.0, "music", 0.0), 12.0, "12.0 s")],
)
def test_a_truth_of_something_else_is_refused(tmp_path, segment, duration_s, says):
    with pytest.raises(MismatchError, match=says):
        label_pair(job_of(known_folder(tmp_path, [Segment(*segment)], duration_s)))


def test_the_cache_holds_the_same_labels_whoever_made_them(folder):
    job = job_of(folder)
    labels = label_pair(job)
    made = precache(PrecacheJob(job.pair, folder, job.cache))
    assert "labels" not in made.made
    assert read_array(job.cache.labels("blues")).tolist() == labels.kept.tolist()
    with open_recording(job.pair.raw) as raw:
        assert stored_edit(folder, job.cache, "blues", raw.digest, "of another edit") is None
