"""Makes the example: `jam.ogg`, a rehearsal of a song, and `jam.truth.json`, what is in it.

    apt-get download ufoai-music && dpkg-deb -x ufoai-music_*.deb . && unzip usr/share/games/ufoai/base/0music.pk3
    python examples/make_jam.py music/David02.ogg

The evening goes like this: talk, a count-in, a false start that falls apart, more talk, dead air, the song from the
top, a vamp that goes round three times instead of once, a breakdown, tuning, a restart some bars earlier, the end.
Who made the music, and under which licence, stands in `LICENSE.md`. Needs the program ``espeak-ng`` for the talk.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile as sf

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from editorbot.corpus.truth import Truth, write_truth  # noqa: E402
from simulators import second_sounds as sounds  # noqa: E402
from simulators.second import Piece, Song, assemble, load_song, name_takes, placed, record  # noqa: E402
from simulators.second_sounds import RATE  # noqa: E402
from simulators.second_takes import TakeStyle, fall_apart, perform, ring_out, spoil  # noqa: E402

SEED = 7
FINISHED_S = 45.0
"""How much of the song is rehearsed [seconds]."""
BEAT_S = 0.5
"""A beat of the song, which starts on one [seconds]; the kick drum's onsets lie within 8 ms of this grid."""
FALSE_START_S = 8.6
"""Where the false start breaks off [seconds of the song]."""
VAMP_BARS = (8, 12)
"""The bars that are played three times."""
BREAKDOWN_S = 36.5
"""Where the song breaks down [seconds of the song]."""
RESTART_BARS = 3
"""How many bars earlier it is taken up again."""
QUALITY = 0.55
"""libsndfile's compression of the OGG file, 0 is the best sound."""


def stage(song: Song, rng: np.random.Generator) -> list[Piece]:
    """Return the evening, piece by piece."""
    bars_s = song.beats_s[::4]
    vamp_s = [float(bars_s[bar]) for bar in VAMP_BARS]
    restart_s = float(bars_s[np.searchsorted(bars_s, BREAKDOWN_S) - RESTART_BARS])
    first, second, third = (TakeStyle(), TakeStyle(1.006, -6.0, -1.0), TakeStyle(0.996, 5.0, -0.5, width=0.9))
    looser = replace(second, tone_db=(1.5, -1.0, 0.5), speed=1.01)

    def good(start_s: float, end_s: float, style: TakeStyle) -> Piece:
        return Piece(perform(song.sound, start_s, end_s, style, rng), "good", start_s, style.speed)

    def apart(start_s: float, end_s: float, style: TakeStyle) -> Piece:
        take = spoil(perform(song.sound, start_s, end_s, replace(style, looseness_s=0.03), rng), rng)
        return Piece(fall_apart(take, rng), "breakdown", start_s, style.speed)

    def junk(kind: str, sound: np.ndarray, level_db: float) -> Piece:
        return Piece(placed(sound, rng) * song.level * 10 ** (level_db / 20), kind)

    def talk(seconds: float, level_db: float) -> Piece:
        return junk("talk", sounds.talk(int(seconds * RATE), rng), level_db)

    def count_in() -> Piece:
        return junk("count_in", sounds.count_in(song.beat_s, rng), -9)

    return [
        talk(5, -11),
        count_in(),
        good(0.0, FALSE_START_S, first),
        apart(FALSE_START_S, FALSE_START_S + 1.6, first),
        Piece(ring_out(song.sound, FALSE_START_S + 1.6, 2 * RATE, rng), "ring_out"),
        talk(5, -8),
        junk("silence", sounds.dead_air(5 * RATE, rng), -38),
        count_in(),
        good(0.0, vamp_s[1], second),
        good(*vamp_s, looser),
        good(*vamp_s, second),
        good(vamp_s[1], BREAKDOWN_S, second),
        apart(BREAKDOWN_S, BREAKDOWN_S + 2.0, second),
        junk("tuning", sounds.tuning(6 * RATE, rng), -9),
        talk(2, -12),
        good(restart_s, song.duration_s, third),
        talk(4, -10),
    ]


def main() -> None:
    """Make the example beside this script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("track", type=Path, help="the finished track")
    parser.add_argument("--out", type=Path, default=HERE)
    options = parser.parse_args()
    rng = np.random.default_rng(SEED)
    song = load_song([options.track], "David Reeves (Destructavator)", "David02", rng, finished_s=FINISHED_S)
    song = replace(song, beats_s=np.arange(0.0, FINISHED_S, BEAT_S), has_beat=True)
    sound, segments = assemble(stage(song, rng))
    truth = Truth(
        duration_s=len(sound) / RATE,
        finished_s=song.duration_s,
        segments=tuple(name_takes(segments)),
        beats_s=tuple(round(float(beat), 4) for beat in song.beats_s),
        track=song.name,
        artist=song.artist,
    )
    jam = record(sound, song.level, rng)
    with sf.SoundFile(options.out / "jam.ogg", "w", RATE, 2, compression_level=QUALITY) as file:
        for start in range(0, len(jam), RATE):
            file.write(jam[start : start + RATE])
    write_truth(options.out / "jam.truth.json", truth)
    print(f"{truth.duration_s:.1f} s of jam, {truth.finished_s:.1f} s of it worth keeping")


if __name__ == "__main__":
    main()
