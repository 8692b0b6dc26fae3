"""The run of the pointer network: from a folder of pairs to weights that edit; what it refuses, in one line each."""

import json
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from editorbot.cli.main import main
from editorbot.config import changed, read_config
from editorbot.corpus.cache_files import CacheFolder
from editorbot.corpus.precache import MelEntry, read_mel, write_mel
from editorbot.corpus.truth import Segment, Truth, write_truth
from editorbot.editors.pointer_inference.learned import read_pointer
from editorbot.errors import EmptyError, FormatError, MismatchError, NotFoundError, SplitError, UsageError
from editorbot.recording import open_recording
from editorbot.timebase import FRAME_S
from editorbot.training.pointer.config import PRESETS, PointerSettings
from editorbot.training.pointer.run import train

CONFIGS = Path(__file__).parents[3] / "pointer_network" / "configs"
MODEL = {"hidden_dim": 8, "frame_dim": 8, "n_heads": 2, "n_layers": 1, "conv_kernel": 3, "dilations": [1],
         "global_tokens": 2, "window": 5, "max_delta": 8, "jump_buckets": 3, "longest_jump": 100}  # fmt: skip
FRAMES = 131
SECONDS = 3.02


def _truth(artist):
    segments = (Segment(0.0, 1.0, "talk"), Segment(1.0, 2.0, "music", 0.0), Segment(2.0, 3.0, "music", 1.0))
    return Truth(SECONDS, 2.0, segments, artist=artist)


def add_pair(folder, sample, *, artist=None, pointers=None):
    rng = np.random.default_rng(len(sample))
    for half in ("input", "desired_output", "truth", "pointer_sequences"):
        (folder / half).mkdir(parents=True, exist_ok=True)
    raw = folder / "input" / f"{sample}_raw.wav"
    soundfile.write(raw, 0.1 * rng.standard_normal(round(SECONDS * 22_050)), 22_050)
    soundfile.write(folder / "desired_output" / f"{sample}_edit.wav", np.zeros(22_050), 22_050)
    with open_recording(raw) as recording:
        mel = rng.random((128, FRAMES)).astype(np.float32)
        write_mel(CacheFolder(folder / "cache").raw(sample), MelEntry(mel, np.arange(0, 3, 0.5), recording.digest))
    if artist is not None:
        write_truth(folder / "truth" / f"{sample}.json", _truth(artist))
    if pointers is not None:
        np.save(folder / "pointer_sequences" / f"{sample}_pointers.npy", np.asarray(pointers, np.int64))
        np.save(folder / "pointer_sequences" / f"{sample}_ops.npy", np.zeros(len(pointers), np.int8))


@pytest.fixture
def folder(tmp_path):
    add_pair(tmp_path, "one", artist="a")
    add_pair(tmp_path, "three", artist="b")
    add_pair(tmp_path, "seventh", pointers=np.arange(20, 90))
    return tmp_path


def settings_in(folder, **changes):
    places = {"data_dir": folder, "cache_dir": folder / "cache", "save_dir": folder / "m", "log_dir": folder / "logs"}
    data = {"model": MODEL, "training": {"epochs": 3}, "device": "cpu", "valid_share": 0.4} | changes
    return changed(PointerSettings(), {name: str(place) for name, place in places.items()} | data, "settings")


def _resumed(settings, latest):
    return train(replace(settings, resume=latest))


def test_from_pairs_to_weights_that_edit(folder, capsys):
    config = folder / "config.json"
    config.write_text(json.dumps({"model": MODEL, "training": {"epochs": 9}, "valid_share": 0.4, "device": "cpu"}))
    places = ["--data-dir", folder, "--cache_dir", folder / "cache", "--save-dir", folder / "m"]
    sizes = ["--config", str(config), "--epochs", "1"]
    typed = ["train", "pointer", *sizes, *map(str, places), "--log-dir", str(folder / "l")]
    said = main(typed)
    out = capsys.readouterr().out
    assert said == 0, out
    assert out.startswith("training on the CPU")
    assert "an edit is usually 0.6" in out
    assert {"val_delta_accuracy", "val_next_accuracy", "val_previous_plus_one", "val_cut_f1"} <= set(
        out.replace(",", " ").split()
    )
    shipped, kept = read_pointer(folder / "m" / "pointer.safetensors"), read_pointer(folder / "m" / "best.pt")
    assert shipped.config == kept.config
    assert shipped.config.ratio == pytest.approx(0.6, abs=0.1)
    assert shipped.decode == kept.decode
    card = json.loads((folder / "m" / "pointer.json").read_text())
    assert {"data", "seed", "command", "licence", "validation"} <= set(card)
    assert card["command"] == shlex.join(["editorbot", *typed])
    assert list((folder / "l").glob("events*"))


def test_a_run_does_not_go_on_with_other_pairs_to_choose_on(folder):
    train(settings_in(folder, valid_dir=str(folder)))
    with pytest.raises(MismatchError, match="chosen on other validation data"):
        _resumed(settings_in(folder, valid_dir=str(folder), valid_most=1), folder / "m" / "latest.pt")


@pytest.mark.parametrize("changed", ["truth", "recording"])
def test_a_run_does_not_go_on_with_pairs_that_have_changed(folder, changed):
    pairs = settings_in(folder, training={"epochs": 1}, valid_dir=str(folder))
    train(pairs)
    if changed == "truth":
        segments = (Segment(0.0, 1.0, "talk"), Segment(1.0, 2.0, "music", 1.0), Segment(2.0, 3.0, "music", 0.0))
        write_truth(folder / "truth" / "one.json", Truth(SECONDS, 2.0, segments, artist="a"))
    else:
        entry = read_mel(CacheFolder(folder / "cache").raw("one"))
        write_mel(CacheFolder(folder / "cache").raw("one"), replace(entry, mel=entry.mel[::-1].copy()))
    with pytest.raises(MismatchError, match="other data, or the data has changed"):
        _resumed(pairs, folder / "m" / "latest.pt")


def test_pairs_that_cannot_be_used_are_told_and_left_out(folder):
    add_pair(folder, "bare")
    add_pair(folder, "farther", pointers=[3, FRAMES])
    lines = []
    train(settings_in(folder, training={"epochs": 1}), on_line=lines.append)
    errors = [line for line in lines if line.startswith("error[")]
    assert len(errors) == 2
    assert "bare has no alignment; run: python -m pointer_network.precache_samples" in errors[0]
    assert f"a pointer is {FRAMES}, but the raw recording has {FRAMES} frames" in errors[1]
    assert "3 pairs" not in lines[1]


def test_missing_stems_stop_it_with_the_two_commands(folder):
    with pytest.raises(NotFoundError, match=r"scripts/precache_stems.py .*scripts/convert_stems_to_mel.py"):
        train(settings_in(folder, model=MODEL | {"use_stems": True}))


def test_whole_artists_are_kept_apart_and_the_card_says_what_is_known(folder):
    add_pair(folder, "fourth", artist="a")
    (folder / "input" / "seventh_raw.wav").unlink()
    path = train(settings_in(folder, training={"epochs": 1}))
    told = json.loads(path.with_suffix(".json").read_text())["data"]
    assert told in {
        f"{train} pairs; weights and prices chosen on {3 - train} pairs of other artists" for train in (1, 2)
    }
    lines = []
    again = settings_in(folder, training={"epochs": 1}, valid_dir=str(folder))
    path = train(again, on_line=lines.append)
    assert "warning: some artists are both learned from and chosen on" in lines
    assert "some of them of the same artists" in json.loads(path.with_suffix(".json").read_text())["data"]


def test_pairs_of_one_artist_need_others_to_choose_on(folder):
    for name in ("three", "seventh"):
        (folder / "input" / f"{name}_raw.wav").unlink()
    add_pair(folder, "fourth", artist="A")
    with pytest.raises(EmptyError, match=r"one artist.*name a valid_dir"):
        train(settings_in(folder))


def test_a_test_artist_is_refused(folder):
    add_pair(folder, "held", artist="zaz-data")
    with pytest.raises(SplitError, match="zaz-data"):
        train(settings_in(folder))


def _config(name):
    return read_config(CONFIGS / name, PRESETS["pointer"])


def test_the_configurations_that_come_with_it():
    full, small = _config("full.json"), _config("small.json")
    assert full.model.use_stems
    assert not small.model.use_stems
    assert full.save == Path("models/pointer_network_full_v2")
    assert small.model == PRESETS["pointer"]["small"].model


def test_the_small_configuration_has_the_prices_that_ship_where_no_run_searches_them():
    small, shipped = _config("small.json").decode, read_pointer().decode
    searched = ("threshold", "frame_weight", "jump_cost", "score_weight")
    assert replace(small, **{name: getattr(shipped, name) for name in searched}) == shipped


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ('{"modle": {}}', UsageError, "unknown keys modle"),
        ('{"model": {"widow": 3}}', UsageError, "unknown keys widow"),
        ('{"model": {"window": 64}}', UsageError, "window must be odd"),
        ('{"model": {"conv_kernel": 8}}', UsageError, "conv_kernel must be odd"),
        ('{"training": {"epochs": 0}}', UsageError, "epochs"),
        ('{"training": {"lr": 1}}', UsageError, "unknown keys lr"),
        ('{"decode": {"jump_cost": -1.0}}', UsageError, "no cost negative"),
        ('{"training": 3}', UsageError, "must be an object"),
        ("[1]", UsageError, "must be an object"),
        ('{"model": {"mel_bands": 64}}', UsageError, "mel_bands must be 128"),
        ('{"training": {"seed": -1}}', UsageError, "seed must be at least 0"),
        ('{"valid_share": 2}', UsageError, "valid_share"),
        ('{"device": "tpu"}', UsageError, "device must be"),
        ("{", FormatError, "not JSON"),
    ],
)
def test_bad_configurations_end_in_one_line(tmp_path, text, error, said):
    path = tmp_path / "c.json"
    path.write_text(text)
    with pytest.raises(error, match=said):
        train(read_config(path, PRESETS["pointer"]))
    with pytest.raises(NotFoundError):
        read_config(tmp_path / "none.json", PRESETS["pointer"])


def test_frames_of_the_made_pairs():
    assert round(SECONDS / FRAME_S) + 1 == FRAMES
