"""An edit list with everything that exports have to write."""

from __future__ import annotations

from editorbot.editlist.edit_list import BeatScore, Clip, EditList, Effect, Join, Source

RATE = 44_100
CLIPS = (
    Clip(0, 100_000, reason="the first chorus"),
    Clip(200_000, 300_000, action="SPEED_UP", speed=1.05, gain_db=-3.0),
    Clip(50_000, 90_000, action="REVERSE", reverse=True, fade_out=4_410),
    Clip(400_000, 500_000, action="REVERB", effects=(Effect("REVERB", 0.4),), pitch_semitones=2.0),
)
JOINS = (Join(882, 0.1), Join(441, 0.5), Join(1_000, 0.9))


def edit_list(path: str = "jam.wav", clips: tuple[Clip, ...] = CLIPS, joins: tuple[Join, ...] = JOINS) -> EditList:
    source = Source(path, "sha256:" + "0" * 64, RATE, 2, 1_000_000)
    beats = tuple(BeatScore(22_050 * n, 0.5) for n in range(10))
    return EditList(source, clips, joins, beats=beats)
