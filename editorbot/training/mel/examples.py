"""What the networks of tone learn from: how it sounded, and how it should.

Two sources. Finished tracks, of which a stretch is ruined as a device in a
room would have recorded it (room, noise, dull, clipped, phone ...) and which
are known to the sample; and a folder of pairs, where each frame of the edit
is laid beside the raw frame that it came from, under the label of what was
done to it. An example of either kind is at one loudness on both sides.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Float16, Float32, Float64, Int16, Int64, UInt8

from editorbot.analysis.filterbanks import mel_edges_hz
from editorbot.analysis.spectrum import MEL_BANDS
from editorbot.corpus.cache_files import read_entry, write_entry
from editorbot.corpus.simulate.plan import RECORDING_EFFECTS
from editorbot.corpus.simulate.recording_chain import apply_recording_chain, draw_degraded_chain, draw_recording_chain
from editorbot.errors import SilentError, TooShortError
from editorbot.models.mel_config import INPUTS_VERSION, SUMMARY_SIZE
from editorbot.polish.average_spectrum import SpectrumMeter, band_total
from editorbot.polish.mel_stft import OVERLAP, mel_power_blocks, mel_stft
from editorbot.polish.mel_summary import SummaryMeter, power_db, scaled
from editorbot.polish.meter import k_weighting
from editorbot.recording import open_recording
from editorbot.timebase import ANALYSIS_RATE, HOP_SAMPLES, s_to_samples

STRETCH_S = 24.0
"""How much of a track becomes one example [seconds]."""

AGAIN_S = 12.0
"""How much of a stretch is ruined again [seconds]."""

SHORTEST_S = 6.0
"""Shorter tracks are left out [seconds]."""

FINISHED_SHARE = 0.15
"""Share of the examples in which nothing is ruined: from them it is learned to leave finished music alone."""

WORSENED_SHARE = 0.8
"""Share of the others that are degraded clearly; the rest are recorded as jams are."""

LEVEL = 0.1
"""Level at which examples are kept [full scale]; quantizing to 16 bits then leaves 70 dB."""

KEEP = 0
"""Label of what is kept as it was; the first of ACTIONS."""


@dataclass(frozen=True)
class MelExample:
    """One stretch, raw and finished, frame by frame."""

    raw: Float16[np.ndarray, "frames 128"]
    """Raw mel in [0, 1]."""
    edit: Float16[np.ndarray, "frames 128"]
    """Mel of the finished track at the same loudness, by the raw mel's reference."""
    labels: UInt8[np.ndarray, " frames"]
    """Index in ACTIONS of what was done to each frame, or UNKNOWN_LABEL."""
    known: UInt8[np.ndarray, " frames"]
    """1 where the frame came from the raw recording."""
    summary: Float32[np.ndarray, " summary"]
    """Of the raw side."""
    raw_sound: Int16[np.ndarray, " samples"]
    """The raw side as one channel at ANALYSIS_RATE; frame k covers samples [(k - 3) * 512, (k + 1) * 512)."""
    edit_sound: Int16[np.ndarray, " samples"]
    """The finished side."""


def example_of(
    raw: Float32[np.ndarray, "channels samples"],
    edit: Float32[np.ndarray, "channels samples"],
    labels: UInt8[np.ndarray, " frames"] | None = None,
    known: UInt8[np.ndarray, " frames"] | None = None,
    *,
    rate: int = ANALYSIS_RATE,
) -> MelExample:
    """Return the example that two sounds of one length and rate make.

    Their mels are heard at that rate, as a track's are: a resampler takes off the highest bands, and if it takes them
    off finished music before noise is added, they tell the one from the other, but in examples alone.

    Raises
    ------
    SilentError
        If nothing can be heard on a side.
    """
    raw_power, edit_power = (mel_power_of(side, rate) for side in (raw, edit))
    louder_db = level_db(raw_power) - level_db(edit_power)
    raw_db, edit_db = power_db(raw_power), power_db(edit_power) + np.float32(louder_db)
    matched = edit * np.float32(10 ** (louder_db / 20))
    meter = SummaryMeter()
    meter.add(raw_db)
    frames = len(raw_db)
    gain = np.float32(LEVEL / max(1e-9, float(np.sqrt(np.mean(raw**2)))))
    return MelExample(
        scaled(raw_db, meter.reference_db).astype(np.float16),
        scaled(edit_db, meter.reference_db).astype(np.float16),
        np.full(frames, KEEP, np.uint8) if labels is None else labels,
        np.ones(frames, np.uint8) if known is None else known,
        meter.summary(),
        _kept(at_analysis_rate(raw.mean(axis=0), rate) * gain),
        _kept(at_analysis_rate(matched.mean(axis=0), rate) * gain),
    )


def mel_power_of(
    sound: Float32[np.ndarray, "channels samples"], rate: int = ANALYSIS_RATE
) -> Float32[np.ndarray, "frames 128"]:
    """Return the power of all mel bands and frames of a sound."""
    return np.concatenate(list(mel_power_blocks([sound.T.astype(np.float64)], mel_stft(rate), len(sound))))


def at_analysis_rate(sound: Float32[np.ndarray, " samples"], rate: int) -> Float32[np.ndarray, " resampled"]:
    """Return a sound of which each hop at its own rate became one of HOP_SAMPLES, as its frames are."""
    hop = mel_stft(rate).hop
    if hop == HOP_SAMPLES:
        return sound
    import soxr

    return np.asarray(soxr.resample(sound, hop, HOP_SAMPLES, quality="HQ"), dtype=np.float32)


def level_db(power: Float32[np.ndarray, "frames 128"]) -> float:
    """Return how loud a sound is while it plays [dB]: its power, the ear's as BS.1770 has it.

    Raises
    ------
    SilentError
        If nothing can be heard.
    """
    meter = SpectrumMeter()
    meter.add(power)
    tone_db = meter.spectrum_db()
    if tone_db is None:
        raise SilentError("nothing can be heard in a stretch")
    return 10 * float(np.log10(band_total(10 ** ((tone_db + ear_db()) / 10))))


@cache
def ear_db() -> Float64[np.ndarray, " 128"]:
    """Return the K-weighting of each band [dB]."""
    response = np.ones(MEL_BANDS, dtype=complex)
    turn = np.exp(-2j * np.pi * mel_edges_hz(MEL_BANDS)[1:-1] / ANALYSIS_RATE)
    for section in k_weighting(ANALYSIS_RATE):
        response = response * np.polyval(section[2::-1], turn) / np.polyval(section[5:2:-1], turn)
    return np.asarray(20 * np.log10(np.abs(response)))


def _kept(sound: np.ndarray) -> Int16[np.ndarray, " samples"]:
    return np.asarray(np.clip(np.rint(sound * 32_767), -32_768, 32_767), dtype=np.int16)


def ruined_examples(path: Path, rng: np.random.Generator, count: int) -> list[MelExample]:
    """Return stretches of a finished track, each ruined in a way of its own; silent ones are left out.

    Raises
    ------
    TooShortError
        If the track holds too little.
    EditorbotError
        If it cannot be read.
    """
    examples = []
    for finished, rate in read_stretches(path, rng, count):
        with suppress(SilentError):
            examples.append(ruined_example(finished, rate, rng))
    return examples


def ruined_example(
    finished: Float32[np.ndarray, "channels samples"], rate: int, rng: np.random.Generator
) -> MelExample:
    """Return finished music, ruined as `rng` has it.

    Raises
    ------
    SilentError
        If nothing can be heard.
    """
    how = draw_degraded_chain(rng) if rng.random() < WORSENED_SHARE else draw_recording_chain(rng, RECORDING_EFFECTS)
    ruined = finished if rng.random() < FINISHED_SHARE else apply_recording_chain(finished, rate, how)
    return example_of(ruined, finished, rate=rate)


def ruined_again(example: MelExample, rng: np.random.Generator) -> MelExample | None:
    """Return some seconds of an example's finished sound, degraded as `rng` has it; None where they are silent.

    The sound is kept at ANALYSIS_RATE: its highest bands are a resampler's, and what is added to it has them all. A
    gate may take that for what tells finished music, so more stretches are better than the same ones again.
    """
    length = min(len(example.edit_sound), round(AGAIN_S * ANALYSIS_RATE))
    start = int(rng.integers(0, len(example.edit_sound) - length + 1))
    finished = example.edit_sound[None, start : start + length].astype(np.float32) / np.float32(32_768)
    try:
        return example_of(apply_recording_chain(finished, ANALYSIS_RATE, draw_degraded_chain(rng)), finished)
    except SilentError:
        return None


def read_stretches(
    path: Path, rng: np.random.Generator, count: int
) -> Iterator[tuple[Float32[np.ndarray, "_channels _samples"], int]]:
    """Yield stretches of a track, one or two channels, their places drawn, and their rate."""
    with open_recording(str(path)) as recording:
        length = min(recording.samples, s_to_samples(STRETCH_S, recording.sample_rate))
        if length < SHORTEST_S * recording.sample_rate:
            raise TooShortError(f"it is shorter than {SHORTEST_S:g} s", path=path)
        for _ in range(count):
            start = int(rng.integers(0, recording.samples - length + 1))
            block = recording.read(start, start + length)[:, :2]
            sound = np.ascontiguousarray(block.T, dtype=np.float32)
            if np.sqrt(np.mean(sound**2)) > 1e-4:
                yield sound, recording.sample_rate


def gathered_sound(
    raw: Float32[np.ndarray, " raw_samples"], pointers: Int64[np.ndarray, " frames"], hop: int
) -> Float32[np.ndarray, " samples"]:
    """Return the raw sound in the order of the edit: one hop for each frame, silence where there is no pointer.

    Parameters
    ----------
    raw : np.ndarray, shape=(samples,), float32
        One channel.
    pointers : np.ndarray, shape=(frames,), int64
        Raw frame of each frame of the edit, -1 = not from the raw recording.
    hop : int
        Samples from frame to frame.
    """
    padded = np.pad(raw, (0, 2 * hop))
    starts = np.clip(pointers, 0, len(raw) // hop) * hop
    hops = padded[starts[:, None] + np.arange(hop)]
    hops[pointers < 0] = 0
    return np.ascontiguousarray(hops.reshape(-1), dtype=np.float32)


def frame_flags(values: UInt8[np.ndarray, " hops"], *, fill: int) -> UInt8[np.ndarray, " frames"]:
    """Return what is told of each hop for each frame, which covers four: the one in the middle's."""
    return np.pad(values, (OVERLAP // 2, OVERLAP - 1 - OVERLAP // 2), constant_values=fill)


def write_example(path: Path, example: MelExample) -> None:
    """Keep an example.

    Raises
    ------
    OutputError, NoSpaceError
        If it cannot be written.
    """
    write_entry(path, dict(vars(example)))


def read_example(path: Path) -> MelExample | None:
    """Return a kept example; None where there is no whole one."""
    arrays = read_entry(path)
    names = MelExample.__dataclass_fields__
    if arrays is None or set(names) - set(arrays):
        return None
    example = MelExample(**{name: arrays[name] for name in names})
    whole = example.raw.ndim == 2 and example.raw.shape == example.edit.shape and len(example.raw) > 0
    whole = whole and example.labels.shape == example.known.shape == (len(example.raw),)
    return example if whole and example.summary.shape == (SUMMARY_SIZE,) else None


def example_name(path: Path, seed: int, number: int) -> str:
    """Return the name under which the ruined examples of a track are kept."""
    told = [INPUTS_VERSION, seed, number, path.parent.name, path.name, STRETCH_S, FINISHED_SHARE, WORSENED_SHARE]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]
