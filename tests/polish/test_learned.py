"""Learned tone: asked once, bounded, silent where nothing sounds, and left out with a warning where it fails."""

from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors.numpy import save

from editorbot.editlist.edit_list import Clip, EditList, Join, PolishStep, Source
from editorbot.errors import FormatError, MismatchError, NonFiniteError, NotFoundError
from editorbot.models.mel_config import INPUTS_VERSION, Mel2MelConfig, ReconstructConfig
from editorbot.polish import frame_labels, polish_blocks, prepare_steps
from editorbot.polish.learned import LearnedTone
from editorbot.polish.mel_network import MelNet
from editorbot.polish.mel_stft import mel_stft
from editorbot.polish.mel_weights import FORMAT, read_mel_net, tensor_shapes
from tests.sounds import band

RATE = 22_050
SHAPES = {"mel2mel": Mel2MelConfig(8, (1, 2), 6, 32), "reconstruct": ReconstructConfig(8, 8, 1, 2, 6, 32)}


def tensors(method, *, gain_db=0.0):
    """Return the weights of a network that asks for one gain everywhere."""
    values = {name: np.zeros(shape, np.float32) for name, shape in tensor_shapes(SHAPES[method]).items()}
    values["summary.curve.bias"][:] = gain_db / 80 * (1 + np.exp(-2.0))
    return values


@pytest.fixture(autouse=True)
def _fresh():
    read_mel_net.cache_clear()


def write_weights(folder, method, values):
    shape = {name: list(v) if isinstance(v, tuple) else v for name, v in vars(SHAPES[method]).items()}
    card = {"format": FORMAT, "method": method, "inputs_version": INPUTS_VERSION, "shape": shape}
    (folder / "w.json").write_text(json.dumps(card))
    (folder / "w.safetensors").write_bytes(save(values))
    return folder / "w.safetensors"


def polished(sound, step, rate=RATE, **told):
    blocks = [sound[at : at + 9_999] for at in range(0, len(sound), 9_999)]
    return np.concatenate(list(polish_blocks(lambda: iter(blocks), rate, sound.shape[1], [step], **told)))


@pytest.mark.parametrize("method", list(SHAPES))
def test_what_the_network_asks_for_is_done(tmp_path, method):
    path = write_weights(tmp_path, method, tensors(method, gain_db=-6.0))
    (step,) = prepare_steps([PolishStep(method, 0.5, file=str(path))])
    assert step.checkpoint.startswith("sha256:")
    sound = band(3.0, RATE)[:, None]
    assert np.allclose(polished(sound, step), sound * 10 ** (-3 / 20), atol=1e-4)


@pytest.mark.parametrize("method", list(SHAPES))
@pytest.mark.parametrize(("rate", "channels"), [(8_000, 1), (44_100, 6), (192_000, 2)])
def test_any_rate_and_channels(tmp_path, rate, channels, method):
    path = write_weights(tmp_path, method, tensors(method, gain_db=-2.0))
    sound = np.repeat(0.3 * band(1.5, rate)[:, None], channels, axis=1)
    out = polished(sound, PolishStep(method, file=str(path)), rate)
    assert out.shape == sound.shape
    assert np.allclose(out, sound * 10 ** (-2 / 20), atol=1e-3)


@pytest.mark.parametrize("method", list(SHAPES))
def test_silence_and_clipped_sound(tmp_path, method):
    path = write_weights(tmp_path, method, tensors(method, gain_db=12.0))
    step = PolishStep(method, file=str(path))
    silence = np.zeros((RATE, 1))
    assert np.array_equal(polished(silence, step), silence)
    clipped = np.clip(20 * band(3.0, RATE)[:, None], -1, 1)
    assert np.isfinite(polished(clipped, step)).all()


def test_nothing_asked_for_gives_the_samples_themselves(tmp_path):
    path = write_weights(tmp_path, "mel2mel", tensors("mel2mel"))
    sound = band(2.0, RATE)[:, None]
    for amount in (1.0, 0.0):
        assert np.array_equal(polished(sound, PolishStep("mel2mel", amount, file=str(path))), sound)


@pytest.mark.parametrize(("method", "name"), [("mel2mel", "leave.bias"), ("reconstruct", "decoder.leave.bias")])
def test_answers_that_are_no_numbers_leave_the_track_as_it_is_with_a_warning(method, name):
    values = tensors(method)
    values[name][3] = np.nan
    warnings: list[str] = []
    stage = LearnedTone(method, PolishStep(method), warnings=warnings, net=MelNet(values, SHAPES[method]))
    sound = band(2.0, RATE)[:, None]
    for _ in range(2):
        assert np.array_equal(np.concatenate(list(stage.blocks(lambda: iter([sound]), RATE, 1))), sound)
    assert len(warnings) == 1
    assert warnings[0].startswith(f"POLISH: {method}")


def test_wrong_weights_are_named(tmp_path):
    with pytest.raises(NotFoundError, match="editorbot train mel2mel"):
        read_mel_net(tmp_path / "none.safetensors", "mel2mel")
    path = write_weights(tmp_path, "mel2mel", tensors("mel2mel"))
    with pytest.raises(MismatchError, match="method"):
        read_mel_net(path, "reconstruct")
    with pytest.raises(MismatchError, match="other weights"):
        polished(band(1.0, RATE)[:, None], PolishStep("mel2mel", checkpoint="sha256:0", file=str(path)))
    values = tensors("mel2mel")
    values["leave.bias"][0] = np.inf
    read_mel_net.cache_clear()
    with pytest.raises(NonFiniteError):
        read_mel_net(write_weights(tmp_path, "mel2mel", values), "mel2mel")
    del values["leave.bias"]
    read_mel_net.cache_clear()
    with pytest.raises(FormatError, match=r"leave\.bias"):
        read_mel_net(write_weights(tmp_path, "mel2mel", values), "mel2mel")
    path.write_bytes(b"nothing")
    read_mel_net.cache_clear()
    with pytest.raises(FormatError, match="cannot be read"):
        read_mel_net(path, "mel2mel")


def test_frames_bear_the_action_of_their_clip():
    source = Source("jam.wav", "sha256:" + "0" * 64, RATE, 1, 100_000)
    clips = (Clip(0, 20_480), Clip(0, 10_240, action="LOOP"))
    labels = frame_labels(EditList(source, clips, (Join(),)))
    grid = mel_stft(RATE)
    assert len(labels) == grid.frames_of(30_720)
    middles = (np.arange(len(labels)) - 1) * grid.hop
    assert set(labels[middles < 20_480]) == {0}
    assert set(labels[middles >= 20_480]) == {2}
