"""The mel spectrogram by block is the whole one."""

import librosa
import numpy as np
import pytest

from editorbot.analysis.analysis import Analysis
from editorbot.analysis.downmix import MonoReader
from editorbot.analysis.mel import MelReader
from editorbot.recording import open_recording
from editorbot.timebase import ANALYSIS_RATE
from tests.sounds import jam, write


@pytest.mark.parametrize("rate", [22_050, 44_100, 48_000])
def test_blocks_equal_librosas_whole(tmp_path, rate: int) -> None:  # type: ignore[no-untyped-def]
    path = write(tmp_path / "jam.wav", jam(rate), rate)
    with open_recording(path) as recording:
        mono = np.concatenate(list(MonoReader(recording).blocks()))
        power = librosa.feature.melspectrogram(y=mono, sr=ANALYSIS_RATE)
        whole_db = librosa.power_to_db(power, ref=np.max, top_db=80.0)
        reference_db = float(librosa.power_to_db(power, top_db=None).max())
        reader = MelReader(recording, reference_db)
        assert reader.frames == power.shape[1]
        for first, last in ((0, 10), (0, reader.frames), (301, 700), (reader.frames - 1, reader.frames), (5, 5)):
            block = reader.read(first, last)
            assert block.shape == (128, last - first)
            np.testing.assert_allclose(block, ((whole_db + 80) / 80)[:, first:last], atol=1e-4)


def test_the_analysis_hands_it_out(analysis_of_jam: Analysis, jam_path: str) -> None:
    opened = analysis_of_jam.mel(100, 400)
    with open_recording(jam_path) as recording:
        given = analysis_of_jam.mel(100, 400, recording=recording)
        whole = analysis_of_jam.mel(0, MelReader(recording, 0.0).frames, recording=recording)
    np.testing.assert_array_equal(opened, given)
    assert whole.max() == pytest.approx(1.0, abs=1e-5)
    assert whole.min() == 0.0


def test_frames_outside_are_refused(analysis_of_jam: Analysis, jam_path: str) -> None:
    with open_recording(jam_path) as recording, pytest.raises(ValueError, match="must be among"):
        analysis_of_jam.mel(0, 10**6, recording=recording)
