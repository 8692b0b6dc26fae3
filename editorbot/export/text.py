"""Names and numbers as other programs can read them."""

from __future__ import annotations

from editorbot.editlist.edit_list import Clip, Effect


def one_line(text: str) -> str:
    """Remove line breaks, tabs and other characters that end or split a line."""
    return " ".join("".join(c if c.isprintable() or "\udc80" <= c <= "\udcff" else " " for c in text).split())


def clip_name(number: int, clip: Clip) -> str:
    """A short name for a clip: its number, its action, and what is done to it."""
    parts = [f"{number + 1:02d} {clip.action}"]
    if clip.gain_db:
        parts.append(f"{clip.gain_db:+g} dB")
    if clip.speed != 1:
        parts.append(f"x{clip.speed:g}")
    if clip.pitch_semitones:
        parts.append(f"{clip.pitch_semitones:+g} st")
    if clip.reverse:
        parts.append("reversed")
    parts.extend(effect_name(effect) for effect in clip.effects)
    return ", ".join(parts)


def effect_name(effect: Effect) -> str:
    """An effect with its strength, `REVERB 0.4` for example."""
    return f"{effect.type} {effect.value:g}"
