"""REAPER projects: one item a clip, overlapping where they are crossfaded.

Every item refers to the whole recording, so its edges can be dragged outward
to bring back what was cut. Fades, gain, speed, pitch and reversal are REAPER's
own; EQ, distortion and reverb are only named, in the item's name and notes,
because the sound of another program's plug-ins would not be the same.

References
----------
"State Chunk Definitions", https://github.com/ReaTeam/Doc
"""

from __future__ import annotations

import os
import statistics

from editorbot.editlist.edit_list import Clip, EditList
from editorbot.editlist.operations import NO_CROSSFADE, CrossfadeSpan, crossfade_spans, output_starts
from editorbot.export.text import clip_name, one_line

DEFAULT_TEMPO_BPM = 120.0
"""Tempo of a project without known beats; REAPER's own default."""

SHAPE_LINEAR, SHAPE_EQUAL_POWER = 0, 1
"""Curves of fades in REAPER's numbering."""

REVERSED = 3
"""Mode of a source section: played backwards, no section."""

SOURCE_TYPES = {".flac": "FLAC", ".mp3": "MP3", ".ogg": "VORBIS", ".opus": "VORBIS"}
"""REAPER's name of a file's reader, by ending; PCM files are WAVE."""

VIDEO_ENDINGS = (".m4a", ".aac", ".mp4", ".mov", ".wma", ".webm", ".mka", ".mkv")
"""Endings that REAPER leaves to its video decoder."""


def project_text(edit_list: EditList) -> str:
    """Write a whole project (.rpp)."""
    spans = (NO_CROSSFADE, *crossfade_spans(edit_list), NO_CROSSFADE)
    items: list[str] = []
    for number, (clip, at) in enumerate(zip(edit_list.clips, output_starts(edit_list))):
        items.extend(_item(edit_list, number, clip, at, spans[number], spans[number + 1]))
    lines = [
        '<REAPER_PROJECT 0.1 "6.0" 0',
        f"  SAMPLERATE {edit_list.source.sample_rate} 1 0",
        f"  TEMPO {_number(tempo_bpm(edit_list))} 4 4",
        "  <TRACK",
        f"    NAME {quoted(os.path.basename(edit_list.source.path))}",
        f"    NCHAN {max(2, edit_list.source.channels + edit_list.source.channels % 2)}",
        *("    " + line for line in items),
        "  >",
        ">",
    ]
    return "\n".join(lines) + "\n"


def tempo_bpm(edit_list: EditList) -> float:
    """Median tempo of the list's beats [beats a minute]."""
    places = [beat.at for beat in edit_list.beats]
    gaps = [after - before for before, after in zip(places, places[1:])]
    if not gaps:
        return DEFAULT_TEMPO_BPM
    return 60.0 * edit_list.source.sample_rate / statistics.median(gaps)


def _item(
    edit_list: EditList, number: int, clip: Clip, at: int, left: CrossfadeSpan, right: CrossfadeSpan
) -> list[str]:
    """Write one item, which reaches as far as its crossfades do."""
    rate = edit_list.source.sample_rate
    first = edit_list.source.samples - clip.end if clip.reverse else clip.start
    name = clip_name(number, clip)
    return [
        "<ITEM",
        f"  POSITION {_seconds(at - left.before, rate)}",
        f"  LENGTH {_seconds(left.before + clip.output_samples + right.after, rate)}",
        "  LOOP 0",
        "  ALLTAKES 0",
        f"  FADEIN {_fade(clip.fade_in, left, rate)}",
        f"  FADEOUT {_fade(clip.fade_out, right, rate)}",
        "  MUTE 0 0",
        f"  NAME {quoted(name)}",
        f"  VOLPAN {_number(10 ** (clip.gain_db / 20))} 0 1 -1",
        f"  SOFFS {_seconds(first - left.before * clip.speed, rate)}",
        f"  PLAYRATE {_number(clip.speed)} 1 {_number(clip.pitch_semitones)} -1",
        "  CHANMODE 0",
        *("  " + line for line in _notes(clip)),
        *("  " + line for line in _source(edit_list, clip)),
        ">",
    ]


def _fade(fade_samples: int, crossfade: CrossfadeSpan, rate: int) -> str:
    """Write shape, length and length of the automatic crossfade."""
    shape = SHAPE_EQUAL_POWER if crossfade.samples or fade_samples else SHAPE_LINEAR
    return f"{shape} {_seconds(fade_samples, rate)} {_seconds(crossfade.samples, rate)}"


def _notes(clip: Clip) -> list[str]:
    """Write why the clip is there, and the effects that are missing in the project."""
    lines = [one_line(clip.reason)] if clip.reason else []
    lines.extend(f"{effect.type} {effect.value:g}: not in this project" for effect in clip.effects)
    return ["<NOTES", *(f"  |{line}" for line in lines), ">"] if lines else []


def _source(edit_list: EditList, clip: Clip) -> list[str]:
    """Write the source of an item: the recording, reversed if the clip is."""
    source = edit_list.source
    ending = os.path.splitext(source.path)[1].lower()
    kind = "VIDEO" if ending in VIDEO_ENDINGS else SOURCE_TYPES.get(ending, "WAVE")
    file = [f"<SOURCE {kind}", f"  FILE {quoted(source.path)}", ">"]
    if not clip.reverse:
        return file
    length = f"  LENGTH {_seconds(source.samples, source.sample_rate)}"
    return ["<SOURCE SECTION", length, f"  MODE {REVERSED}", "  STARTPOS 0", *("  " + line for line in file), ">"]


def quoted(text: str) -> str:
    """Put a text in quotes of a kind that it does not contain; REAPER has no escapes."""
    line = one_line(text)
    for quote in "\"'`":
        if quote not in line:
            return quote + line + quote
    return "`" + line.replace("`", "'") + "`"


def _seconds(samples: int | float, rate: int) -> str:
    """Write samples as seconds; twelve places keep the sample at any rate for days."""
    return _number(samples / rate)


def _number(value: float) -> str:
    return f"{value:.12f}".rstrip("0").rstrip(".")
