"""Our own WAV writer: what it writes, others read."""

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from editorbot.recording import open_recording
from editorbot.recording.encoders import WavEncoder
from editorbot.recording.pcm import PcmFormat
from tests.audio_corpus import RATE


@pytest.mark.parametrize("largest", [10**9, 1_000])
@pytest.mark.parametrize(("subtype", "dtype"), [("PCM_16", "<i2"), ("FLOAT", "<f4"), ("DOUBLE", "<f8")])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_a_file_too_large_becomes_rf64_that_all_can_read(
    tmp_path: Path, largest: int, subtype: str, dtype: str, channels: int
) -> None:
    values = (np.arange(999 * channels) - 400).astype(dtype).reshape(-1, channels)
    path = tmp_path / "out.wav"
    with open(path, "w+b") as file:
        encoder = WavEncoder(file, RATE, PcmFormat(subtype, channels), largest=largest)
        encoder.write(values)
        encoder.finish()
    assert path.read_bytes()[:4] == (b"RF64" if largest == 1_000 else b"RIFF")
    with open_recording(path) as recording:
        assert recording.warnings == ()
        assert (recording.read_native(0, 2_000) == values).all()
    if subtype == "PCM_16":
        assert (sf.read(path, dtype="int16", always_2d=True)[0] == values).all()
    else:
        assert (sf.read(path, dtype="float64", always_2d=True)[0] == values).all()
