"""Whole runs: what they write, resume, refuse and say."""

from __future__ import annotations

import dataclasses
import json

import pytest
import torch

from editorbot.corpus.cache_files import content_digest
from editorbot.errors import MismatchError, NonFiniteError, SplitError, UnreadableError, UsageError
from editorbot.polish.mel_weights import read_mel_net
from editorbot.timebase import ANALYSIS_RATE
from editorbot.training.mel.config import Mel2MelSettings, ReconstructSettings, ToneTraining
from editorbot.training.mel.examples import read_example, write_example
from editorbot.training.mel.run import example_files, train
from editorbot.training.mel.train import MelRun
from tests.sounds import band, write
from tests.training.mel.mel_runs import SHAPES, mel_settings, pair_settings, training


def test_a_whole_run_writes_checkpoints_weights_and_card(artists):
    lines = []
    path = train(mel_settings(artists), on_line=lines.append)
    assert {path.name for path in (artists / "m").iterdir()} == {"best.pt", "latest.pt", "mel2mel.json",
                                                                 "mel2mel.safetensors"}  # fmt: skip
    net = read_mel_net(path, "mel2mel")
    assert net.config == SHAPES[1]
    content = torch.load(artists / "m" / "latest.pt", weights_only=True)
    assert content["method"] == "mel2mel"
    again = []
    train(mel_settings(artists), on_line=again.append)
    assert not [line for line in again if line.startswith("epoch")]
    with pytest.raises(MismatchError, match=r"trained with epochs 2, but 3 is asked"):
        train(mel_settings(artists, resume=artists / "m" / "latest.pt", training=training(epochs=3, batch_size=2)))


def test_one_artist_on_both_sides_and_test_artists_are_refused(artists):
    with pytest.raises(UsageError, match="validation side"):
        train(mel_settings(artists, valid_tracks=(artists / "band",)))
    (artists / "zaz-data").mkdir()
    write(artists / "zaz-data" / "song.wav", band(8.0, ANALYSIS_RATE), ANALYSIS_RATE)
    with pytest.raises(SplitError):
        train(mel_settings(artists, tracks=(artists / "zaz-data",)))
    with pytest.raises(UsageError, match="nothing to learn from"):
        train(mel_settings(artists, tracks=()))
    with pytest.raises(UsageError, match="give --valid-tracks"):
        train(mel_settings(artists, valid_tracks=()))
    write(artists / "others" / "song.wav", band(2.0, ANALYSIS_RATE), ANALYSIS_RATE)
    with pytest.raises(UsageError, match="2 examples to learn from, 0 to choose on: both sides need some"):
        train(mel_settings(artists))


def test_whole_artists_of_pairs_are_chosen_on_and_the_card_says_so(pairs):
    files = example_files(pair_settings(pairs), print)
    assert sorted((len(files.train), len(files.valid))) == [1, 4]
    assert files.apart == "of other artists"
    assert not files.train_artists & files.valid_artists
    path = train(pair_settings(pairs))
    card = json.loads(path.with_suffix(".json").read_text())
    assert card["data"].endswith(f"chosen on {len(files.valid)} of other artists")
    (pairs / "pairs" / "truth" / "a.json").unlink()
    assert example_files(pair_settings(pairs), print).apart == "whose artists are not all known"


def test_pairs_of_one_artist_are_chosen_on_too_and_that_is_said(pairs):
    for half in ("input/d_raw.wav", "desired_output/d_edit.wav"):
        (pairs / "pairs" / half).unlink()
    lines = []
    files = example_files(pair_settings(pairs), lines.append)
    assert files.train == files.valid
    assert "all pairs are of one artist" in lines[-1]
    assert files.apart == "that are learned from too"


def test_pairs_beside_validation_tracks_of_the_same_artist_are_told(pairs):
    (pairs / "us").mkdir()
    write(pairs / "us" / "song.wav", band(6.5, ANALYSIS_RATE), ANALYSIS_RATE)
    lines = []
    files = example_files(dataclasses.replace(pair_settings(pairs), valid_tracks=(pairs / "us",)), lines.append)
    assert (len(files.train), len(files.valid)) == (5, 2)
    assert files.apart == "some of them of the same artists"
    assert lines[-1] == "warning: some artists are both learned from and chosen on"


def test_a_run_on_examples_that_have_changed_begins_anew(artists):
    lines = []
    train(mel_settings(artists))
    for path in (artists / "cache" / "mel").glob("*.npz"):
        example = read_example(path)
        write_example(path, dataclasses.replace(example, edit=example.edit[::-1].copy()))
    train(mel_settings(artists), on_line=lines.append)
    assert sum(line.startswith("epoch") for line in lines) == 2
    lines.clear()
    train(mel_settings(artists, valid_count=1), on_line=lines.append)
    assert sum(line.startswith("epoch") for line in lines) == 2
    before = content_digest(sorted((artists / "cache" / "mel").glob("*.npz")))
    assert before == content_digest(sorted((artists / "cache" / "mel").glob("*.npz")))
    first = min((artists / "cache" / "mel").glob("*.npz"))
    first.write_bytes(first.read_bytes()[:-30])
    with pytest.raises(UnreadableError, match="damaged, or gone"):
        content_digest([first])


def test_a_run_broken_off_by_nan_writes_the_best_epoch_before(artists, monkeypatch):
    def break_second(run):
        if run.epoch:
            raise NonFiniteError("the loss is NaN")
        return whole(run)

    whole = MelRun.train_epoch
    monkeypatch.setattr(MelRun, "train_epoch", break_second)
    with pytest.raises(NonFiniteError):
        train(mel_settings(artists))
    assert json.loads((artists / "m" / "mel2mel.json").read_text())["epoch"] == 0


def test_impossible_settings_are_refused():
    with pytest.raises(UsageError, match="chunk_frames"):
        ReconstructSettings(shape=SHAPES[0], training=training(window_frames=65))
    with pytest.raises(UsageError, match="learning_rate must be above 0"):
        training(learning_rate=0.0)
    with pytest.raises(UsageError, match="cannot share a summary_dim of 8"):
        Mel2MelSettings(shape=SHAPES[1], training=training(tone=ToneTraining(members=3)))
    with pytest.raises(UsageError, match="at least 1"):
        ToneTraining(passes=0)
    with pytest.raises(UsageError, match="at least 0"):
        ToneTraining(gate_weight=float("nan"))
