"""`edit --polish` with the weights that ship: every kind of recording ends in a track as long, with numbers in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from editorbot.cli.main import main
from editorbot.editlist.json_format import read_edit_list
from editorbot.polish.chain import LEARNED_NAMES
from editorbot.polish.mel_weights import read_mel_net
from editorbot.weights import shipped_weights
from tests.sounds import band, write


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDITORBOT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def edited(*more: str) -> np.ndarray:
    command = ["edit", "in.wav", "--editor", "keep-all", "--output", "out.wav", "--force", *more]
    assert main(command) == 0
    before, after = sf.info("in.wav"), sf.info("out.wav")
    assert (after.frames, after.samplerate, after.channels) == (before.frames, before.samplerate, before.channels)
    sound: np.ndarray = sf.read("out.wav", always_2d=True)[0]
    assert np.isfinite(sound).all()
    return sound


@pytest.mark.parametrize(
    ("rate", "channels", "drive"), [(22_050, 1, 30.0), (44_100, 6, 0.3), (8_000, 1, 0.3), (192_000, 2, 0.3)]
)
def test_reconstruct_takes_any_recording(here: Path, rate: int, channels: int, drive: float) -> None:
    sound = np.clip(drive * band(2.5, rate), -1, 1)[:, None].repeat(channels, axis=1)
    write(here / "in.wav", sound, rate)
    out = edited("--polish", "reconstruct")
    assert np.abs(out[:, 0] - out[:, -1]).max() == 0
    assert np.abs(out).max() > 0.01


def test_silence_stays_silence(here: Path) -> None:
    write(here / "in.wav", np.zeros((66_150, 2)), 22_050)
    assert not edited("--polish", "reconstruct").any()


@pytest.mark.parametrize("method", LEARNED_NAMES)
def test_shipped_weights_are_named_in_the_list_and_small(here: Path, method: str) -> None:
    net = read_mel_net(shipped_weights(method), method)
    assert shipped_weights(method).stat().st_size < 10_000_000
    write(here / "in.wav", band(2.5, 22_050), 22_050)
    edited("--polish", method)
    (step,) = read_edit_list(here / "out.json").polish
    assert (step.name, step.checkpoint) == (method, net.digest)
    assert main(["render", "out.json", "--output", "again.wav"]) == 0
    assert (here / "again.wav").read_bytes() == (here / "out.wav").read_bytes()


def test_no_amount_is_no_polish(here: Path) -> None:
    write(here / "in.wav", band(2.5, 22_050), 22_050)
    plain = edited()
    assert np.array_equal(edited("--polish", "reconstruct", "--polish-amount", "0"), plain)
