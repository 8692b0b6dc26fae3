"""One program finds where each moment of an edit comes from; started by ``alignment_peers.py`` in its own process.

    PYTHON benchmarks/alignment_peer.py PROGRAM RAW EDIT

Prints JSON: ``raw_s``, for each hop of 512 samples at 22,050 Hz of the edit the raw time [s], -1 for none; ``cuts_s``;
``cpu_s`` and ``peak_mb`` of the whole process. Needs, beside the program itself, numpy and soundfile only.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile as sf

FRAME_S = 512 / 22_050
WINDOW_S = 4.0
"""Length of what is looked up at a time by programs that find one offset for a whole file."""
JUMP_S = 0.2
"""A warping path that passes over this much of the raw recording at once has a cut there."""


def by_editorbot(raw: Path, edit: Path) -> tuple[np.ndarray, list[float]]:
    """Align with this project."""
    from editorbot.corpus.alignment import align
    from editorbot.recording import open_recording

    with open_recording(raw) as a, open_recording(edit) as b:
        found = align(a, b)
    cuts = []
    for before, after in zip(found.segments, found.segments[1:]):
        cuts.append(after.edit_start / found.edit_rate)
        if after.edit_start - before.edit_end > 0.1 * found.edit_rate:
            cuts.append(before.edit_end / found.edit_rate)
    return np.where(found.pointers < 0, -1.0, found.pointers * FRAME_S), cuts


def by_windows(raw: Path, edit: Path, find: Callable[[Path, Path], float | None]) -> tuple[np.ndarray, list[float]]:
    """Look up one window of the edit after another; a cut is where neighbours disagree."""
    sound, rate = sf.read(edit, always_2d=True)
    size = round(WINDOW_S * rate)
    frames = 1 + round(len(sound) / rate / FRAME_S)
    raw_s, offsets = np.full(frames, -1.0), []
    with tempfile.TemporaryDirectory() as folder:
        for start in range(0, max(len(sound) - size // 2, 1), size):
            path = Path(folder) / f"window{start}.wav"
            sf.write(path, sound[start : start + size], rate, subtype="PCM_16")
            offset = find(raw, path)
            first, last = round(start / rate / FRAME_S), min(frames, round((start + size) / rate / FRAME_S))
            offsets.append(None if offset is None else offset - start / rate)
            if offset is not None:
                raw_s[first:last] = offset + FRAME_S * np.arange(last - first)
    pairs = list(zip(offsets, offsets[1:]))
    cuts = [
        (k + 1) * WINDOW_S
        for k, (a, b) in enumerate(pairs)
        if (a is None) != (b is None) or (a is not None and b is not None and abs(a - b) > 0.05)
    ]
    return raw_s, cuts


def offset_of_aof(raw: Path, window: Path) -> float | None:
    """Ask audio-offset-finder."""
    from audio_offset_finder.audio_offset_finder import find_offset_between_files

    return float(find_offset_between_files(str(raw), str(window), trim=7200)["time_offset"])


def offset_of_audalign(raw: Path, window: Path) -> float | None:
    """Ask audalign's correlation recognizer."""
    import contextlib
    import io

    import audalign

    recognizer = audalign.CorrelationRecognizer()
    recognizer.config.multiprocessing = False
    with contextlib.redirect_stdout(io.StringIO()):
        found = audalign.recognize(str(window), str(raw), recognizer=recognizer)
    if not found or not found.get("match_info"):
        return None
    match = next(iter(found["match_info"].values()))
    return float(match["offset_seconds"][0])


def by_synctoolbox(raw: Path, edit: Path) -> tuple[np.ndarray, list[float]]:
    """Warp chroma features onto one another, which can only go forward."""
    from synctoolbox.dtw.mrmsdtw import sync_via_mrmsdtw
    from synctoolbox.feature.chroma import pitch_to_chroma, quantize_chroma
    from synctoolbox.feature.pitch import audio_to_pitch_features

    rate = 50
    chromas = []
    for path in (raw, edit):
        sound, source_rate = sf.read(path, always_2d=True)
        mono = np.interp(np.arange(0, len(sound), source_rate / 22_050), np.arange(len(sound)), sound.mean(axis=1))
        pitch = audio_to_pitch_features(f_audio=mono, Fs=22_050, feature_rate=rate, verbose=False)
        chromas.append(quantize_chroma(f_chroma=pitch_to_chroma(f_pitch=pitch)))
    # Steps that pass over much of the raw recording: the nearest it has to cuts.
    path = sync_via_mrmsdtw(f_chroma1=chromas[0], f_chroma2=chromas[1], input_feature_rate=rate)
    in_raw, in_edit = path[0] / rate, path[1] / rate
    first = np.unique(in_edit, return_index=True)[1]
    last = len(in_edit) - 1 - np.unique(in_edit[::-1], return_index=True)[1]
    frames = np.arange(1 + round(in_edit[-1] / FRAME_S)) * FRAME_S
    raw_s = np.interp(frames, in_edit[last], in_raw[last])
    passed = in_raw[last] - in_raw[first]
    return raw_s, (in_edit[first[passed > JUMP_S]]).tolist()


PROGRAMS: dict[str, Callable[[Path, Path], tuple[np.ndarray, list[float]]]] = {
    "editorbot": by_editorbot,
    "audio-offset-finder": lambda raw, edit: by_windows(raw, edit, offset_of_aof),
    "audalign": lambda raw, edit: by_windows(raw, edit, offset_of_audalign),
    "synctoolbox": by_synctoolbox,
}


def main() -> None:
    """Run one program on one pair."""
    raw_s, cuts_s = PROGRAMS[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    # ru_maxrss would tell the peak of the process that this one was forked from.
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(
        json.dumps(
            {
                "raw_s": np.round(raw_s, 5).tolist(),
                "cuts_s": cuts_s,
                "cpu_s": sum(one.ru_utime + one.ru_stime for one in used),
                "peak_mb": int(peak.split()[1]) // 1024,
            }
        )
    )


if __name__ == "__main__":
    main()
