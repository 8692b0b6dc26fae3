"""How often NO_BEAT is said of sounds without a beat, and of real tracks.

    python benchmarks/beat_verdicts.py MUSIC [--out benchmarks/results]

Writes ``beat_verdicts.md`` and ``beat_verdicts.json``. Speech is made with
``espeak-ng`` where that is installed, and left out where it is not.
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
import subprocess
import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import librosa
import numpy as np
import soundfile
import soxr
from scipy.signal import butter, lfilter

from editorbot.analysis.beats import track_beats
from editorbot.analysis.spectrum_scan import SpectrumScan

RATE = 22_050
"""Rate of the audio handed out [Hz]."""

LENGTH_S = 60
"""Length of the sounds without a beat [s]."""

EXCERPT_S = 150
"""Longest excerpt of a real track [s], from 30 % on where it is longer."""

TRACKS_A_PACKAGE = 10
"""About as many tracks are taken of each package, evenly spread."""

PACKAGES = (
    "asc-music", "colobot-common-sounds", "hyperrogue-music", "nexuiz-music", "openarena-088-data", "ufoai-music",
    "warzone2100-music", "wesnoth-1.16-music",
)  # fmt: skip
"""Packages the verdict was looked at on; the test artists are not among them."""

TEST_PACKAGES = ("fretsonfire-songs-muldjord", "zaz-data", "singularity-music")
"""Test artists: reported, never tuned on."""

SENTENCES = (
    "Okay, so from the top. One more time. The chorus is too slow, can you turn me up a little in the monitor? "
    "What was that chord again? I think it is a minor seven. No wait, sorry, my fault. Let us try the bridge with "
    "less drums. Yeah, that was good. Did you record that? My string broke, hold on. Who has the tuner? "
) * 4
"""What is said."""

VOICES = (("en", 160), ("en-us+f2", 190), ("de", 170), ("fr", 175), ("en+m3", 140), ("es", 210), ("it", 130))
"""Voices of espeak-ng and their speeds [words a minute]."""


@dataclass(frozen=True)
class Verdict:
    """Whether a beat was heard in a sound, and how surely."""

    name: str
    kind: str
    no_beat: bool
    confidence: float
    librosa_beats: int | None


@dataclass(frozen=True)
class Sound:
    """Something to judge."""

    name: str
    """What it is."""
    kind: str
    """The list it stands in."""
    read_mono: Callable[[], np.ndarray]
    """Gives the audio, shape=(samples,), float32 at RATE."""


def beatless_sounds() -> Iterator[Sound]:
    """Yield sounds without a beat, made from seeds."""
    makers = {
        "white noise": (_white, 6),
        "drone": (_drone, 6),
        "jittered blows": (_blows, 9),
        "rubato": (_rubato, 6),
        "rain": (_rain, 4),
        "applause": (_applause, 3),
    }
    for kind, (make, count) in makers.items():
        for seed in range(count):
            yield Sound(f"{kind} {seed}", kind, lambda make=make, seed=seed: make(np.random.default_rng(100 + seed)))
    for kind, level in (("silence", 0.0), ("direct current", 0.5)):
        yield Sound(kind, kind, lambda level=level: np.full(LENGTH_S * RATE, level, dtype=np.float32))
    if shutil.which("espeak-ng"):
        for voice, speed in VOICES:
            yield Sound(f"{voice} {speed}", "speech", lambda voice=voice, speed=speed: _speech(voice, speed))


def _leveled(sound: np.ndarray) -> np.ndarray:
    return (0.5 * sound / (np.abs(sound).max() + 1e-9)).astype(np.float32)


def _white(rng: np.random.Generator) -> np.ndarray:
    return _leveled(rng.standard_normal(LENGTH_S * RATE))


def _drone(rng: np.random.Generator) -> np.ndarray:
    t, base_hz = np.arange(LENGTH_S * RATE) / RATE, rng.uniform(60, 300)
    partials = [np.sin(2 * np.pi * base_hz * k * rng.normal(1, 1e-3) * t) / k for k in range(1, 8)]
    return _leveled(sum(partials) * (1 + 0.3 * np.sin(2 * np.pi * rng.uniform(0.05, 0.3) * t)))


def _strike(sound: np.ndarray, at: int, what: np.ndarray) -> None:
    room = min(len(what), len(sound) - at)
    if room > 0:
        sound[at : at + room] += what[:room]


def _blows(rng: np.random.Generator) -> np.ndarray:
    sound, shape = 1e-3 * rng.standard_normal(LENGTH_S * RATE), float(rng.choice([1.0, 2.0, 4.0]))
    blow = rng.standard_normal(4000) * np.exp(-np.arange(4000) / 800)
    for at_s in np.cumsum(rng.gamma(shape, 0.5 / shape, LENGTH_S * 3)):
        _strike(sound, int(at_s * RATE), rng.uniform(0.3, 1) * blow)
    return _leveled(sound)


def _rubato(rng: np.random.Generator) -> np.ndarray:
    sound, t, at_s = np.zeros(LENGTH_S * RATE), np.arange(30_000) / RATE, 1.0
    while at_s < LENGTH_S:
        pitch_hz = 110 * 2 ** (rng.integers(0, 30) / 12)
        note = sum(np.sin(2 * np.pi * pitch_hz * k * t) / k for k in (1, 2, 3)) * np.exp(-3 * t)
        _strike(sound, int(at_s * RATE), rng.uniform(0.3, 1) * note)
        at_s += rng.choice([0.15, 0.25, 0.4, 0.6, 0.9, 1.4]) * np.exp(rng.normal(0, 0.25))
    return _leveled(sound)


def _rain(rng: np.random.Generator) -> np.ndarray:
    drops = np.zeros(LENGTH_S * RATE)
    at = rng.integers(0, len(drops), int(rng.choice([300, 1500, 6000])))
    drops[at] = rng.uniform(0, 8, len(at))
    band = butter(2, [700 / (RATE / 2), 8000 / (RATE / 2)], "band")
    return _leveled(lfilter(*band, rng.standard_normal(len(drops)) + drops))


def _applause(rng: np.random.Generator) -> np.ndarray:
    sound, clap = np.zeros(LENGTH_S * RATE), np.exp(-np.arange(500) / 80)
    for at in rng.integers(0, len(sound), LENGTH_S * 80):
        _strike(sound, int(at), rng.uniform(0.2, 1) * rng.standard_normal(500) * clap)
    return _leveled(sound)


def _speech(voice: str, speed: int) -> np.ndarray:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        subprocess.run(["espeak-ng", "-v", voice, "-s", str(speed), "-w", str(path), SENTENCES], check=True)
        sound, rate = soundfile.read(path, dtype="float32")
    return _leveled(soxr.resample(sound, rate, RATE))


def real_tracks(music: Path, packages: tuple[str, ...]) -> Iterator[Sound]:
    """Yield excerpts of about TRACKS_A_PACKAGE tracks of each package below `music`."""
    for package in packages:
        found = _tracks_of(music / package)
        for name, content in found[:: max(1, len(found) // TRACKS_A_PACKAGE)]:
            yield Sound(name, package, lambda content=content: _excerpt(content))


def _tracks_of(folder: Path) -> list[tuple[str, Path | bytes]]:
    endings = (".ogg", ".mp3", ".opus")
    files = [path for path in sorted(folder.rglob("*")) if path.suffix in endings and path.stat().st_size > 400_000]
    found: list[tuple[str, Path | bytes]] = [(f"{path.parent.name}/{path.name}", path) for path in files]
    for pack in sorted(folder.rglob("*.pk3")):
        with zipfile.ZipFile(pack) as archive:
            names = [i.filename for i in archive.infolist() if i.filename.endswith(".ogg") and i.file_size > 600_000]
            found += [(Path(name).name, archive.read(name)) for name in names]
    return found


def _excerpt(content: Path | bytes) -> np.ndarray:
    with soundfile.SoundFile(io.BytesIO(content) if isinstance(content, bytes) else content) as file:
        wanted = EXCERPT_S * file.samplerate
        file.seek(0 if file.frames <= wanted else int(0.3 * file.frames))
        sound, rate = file.read(wanted, always_2d=True), file.samplerate
    return soxr.resample(sound.mean(axis=1), rate, RATE).astype(np.float32)


def judge(sound: Sound, *, ask_librosa: bool) -> Verdict:
    """Find out whether a sound has a beat."""
    mono = sound.read_mono()
    scan = SpectrumScan(len(mono))
    scan.update(mono)
    grid = track_beats(scan.finish().tracks, len(mono) / RATE)
    librosa_beats = len(librosa.beat.beat_track(y=mono, sr=RATE)[1]) if ask_librosa else None
    return Verdict(sound.name, sound.kind, bool(grid.warnings), grid.confidence, librosa_beats)


def verdict_table(verdicts: list[Verdict]) -> list[str]:
    """Return the table of NO_BEAT verdicts by kind."""
    groups = defaultdict(list)
    for one in verdicts:
        groups[one.kind].append(one)
    lines = ["| sound | number | NO_BEAT | mean confidence | librosa finds beats in |", "|---|---|---|---|---|"]
    for kind, group in groups.items():
        silent, sure = sum(one.no_beat for one in group), np.mean([one.confidence for one in group])
        asked = [one.librosa_beats for one in group if one.librosa_beats is not None]
        theirs = sum(beats > 4 for beats in asked) if asked else "not asked"
        lines.append(f"| {kind} | {len(group)} | {silent} | {sure:.2f} | {theirs} |")
    return lines


def report(beatless: list[Verdict], real: list[Verdict]) -> str:
    """Return the page."""
    missed = ", ".join(f"{one.name} ({one.kind})" for one in real if one.no_beat)
    lines = [
        "# Is there a beat?",
        "",
        "Made by `python benchmarks/beat_verdicts.py MUSIC`. Sounds without a beat, a minute each: all should be",
        "NO_BEAT.",
        "",
        *verdict_table(beatless),
        "",
        f"Real tracks, excerpts of up to {EXCERPT_S} s. Orchestral and ambient ones may truly have none; the last",
        "three packages are the test artists, reported but never tuned on.",
        "",
        *verdict_table(real),
        "",
        f"NO_BEAT was said of: {missed or 'none'}.",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Judge everything and write the two files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("music", type=Path)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args()
    beatless = [judge(sound, ask_librosa=True) for sound in beatless_sounds()]
    real = [judge(sound, ask_librosa=False) for sound in real_tracks(options.music, PACKAGES + TEST_PACKAGES)]
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "beat_verdicts.md").write_text(report(beatless, real), encoding="utf-8")
    text = json.dumps([asdict(one) for one in beatless + real], indent=1)
    (options.out / "beat_verdicts.json").write_text(text + "\n", encoding="utf-8")
    print("\n".join(verdict_table(beatless) + verdict_table(real)))


if __name__ == "__main__":
    main()
