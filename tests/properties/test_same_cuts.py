"""One song in other clothes is cut in the same places.

Tolerances: half the level, swapped channels and another depth move no cut by more
than 50 ms. Silence in front may move the step grid (0.19 s) against the music: 0.25 s.
Of equal repeats any one is right.
"""

from pathlib import Path

import numpy as np
import pytest

from editorbot.editlist.edit_list import EditList
from editorbot.outputs import output_paths
from editorbot.pipeline import EditOptions, edit_recording
from editorbot.recording import open_recording
from tests.sounds import jam, write

RATE = 22_050


def edited(path: Path) -> EditList:
    outputs = output_paths(str(path), None)
    edit_list = edit_recording(path, outputs, EditOptions()).edit_list
    assert all(0 <= clip.start < clip.end <= edit_list.source.samples for clip in edit_list.clips)
    with open_recording(outputs.track) as track:
        assert track.samples == sum(clip.output_samples for clip in edit_list.clips)
        assert np.isfinite(track.read(0, track.samples)).all()
    return edit_list


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> EditList:
    return edited(write(tmp_path_factory.mktemp("plain") / "jam.wav", jam()))


def song_played(edit: EditList, shift: int) -> np.ndarray:
    """Return which samples of the song are played; the jam holds its first eight seconds twice, and either will do."""
    played = np.zeros(edit.source.samples, bool)
    for clip in edit.clips:
        played[clip.start : clip.end] = True
    take = played[shift:]
    song = take[14 * RATE : 38 * RATE].copy()
    song[: 8 * RATE] |= take[: 8 * RATE]
    return song


def distance_s(one: EditList, other: EditList, shift: int = 0) -> float:
    """Return how much of the song one edit plays and the other does not [seconds]."""
    return float((song_played(one, 0) != song_played(other, shift)).sum() / RATE)


@pytest.mark.parametrize(
    ("name", "subtype"), [("half", "PCM_16"), ("swapped", "PCM_16"), ("24", "PCM_24"), ("float", "FLOAT")]
)
def test_level_channel_order_and_depth_move_no_cut(tmp_path: Path, plain: EditList, name: str, subtype: str) -> None:
    sound = jam()
    sound = {"half": 0.5 * sound, "swapped": sound[:, ::-1]}.get(name, sound)
    other = edited(write(tmp_path / "jam.wav", sound, RATE, subtype))
    assert distance_s(plain, other) <= 0.05 * (len(plain.clips) + len(other.clips))


@pytest.mark.parametrize("samples", [4_096, 22_050])
def test_silence_in_front_moves_the_cuts_with_the_music(tmp_path: Path, plain: EditList, samples: int) -> None:
    sound = np.concatenate([np.zeros((samples, 2)), jam()])
    other = edited(write(tmp_path / "jam.wav", sound))
    assert distance_s(plain, other, samples) <= 0.25 * (len(plain.clips) + len(other.clips))
