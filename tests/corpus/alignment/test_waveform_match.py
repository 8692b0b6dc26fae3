"""Stretches of an edit that only their samples give away."""

from contextlib import ExitStack, contextmanager

import numpy as np
import pytest

from editorbot.corpus.alignment.fingerprint import fingerprint, measure_mel
from editorbot.corpus.alignment.segments import CELL_POOL, PairFingerprints, _probed
from editorbot.corpus.alignment.time_delay import Line
from editorbot.corpus.alignment.waveform_match import with_waveform_matches
from editorbot.recording import open_recording
from tests.sounds import write

RATE = 22_050


@contextmanager
def _sounds(folder, raw, edit):
    with ExitStack() as opened:
        heard = []
        for name, sound in (("raw", raw), ("edit", edit)):
            path = folder / f"{name}.wav"
            write(path, sound, RATE)
            heard.append(measure_mel(opened.enter_context(open_recording(path))))
        yield PairFingerprints(*heard, *(fingerprint(one, size) for size in (1, CELL_POOL) for one in heard))


@pytest.mark.parametrize("speed", [1.0, 1.02])
def test_steady_noise_under_other_noise_is_found_where_it_comes_from(tmp_path, speed):
    rng = np.random.default_rng(0)
    raw = 0.1 * rng.standard_normal(12 * RATE)
    count = 3 * RATE
    edit = np.interp(4 * RATE + speed * np.arange(count), np.arange(len(raw)), raw)
    edit += 0.1 * rng.standard_normal(count)
    with _sounds(tmp_path, raw, edit) as sounds:
        found = with_waveform_matches(sounds, [], speed)
    assert found
    for stretch in found:
        assert stretch.line.raw_of(stretch.first) == pytest.approx(4 * RATE + speed * stretch.first, abs=3)


def test_what_comes_from_nowhere_is_left_out(tmp_path):
    rng = np.random.default_rng(1)
    raw, edit = 0.1 * rng.standard_normal(10 * RATE), 0.1 * rng.standard_normal(3 * RATE)
    with _sounds(tmp_path, raw, edit) as sounds:
        assert with_waveform_matches(sounds, [], 1.0) == []


def test_where_nothing_sounds_a_line_stays_where_it_was(tmp_path):
    raw = 0.1 * np.random.default_rng(2).standard_normal(10 * RATE)
    edit = np.concatenate((raw[: 2 * RATE], np.zeros(4 * RATE)))
    line = Line(0.0, 0.0, 1.0)
    with _sounds(tmp_path, raw, edit) as sounds:
        assert _probed(sounds, line, 3 * RATE, 6 * RATE).line == line
