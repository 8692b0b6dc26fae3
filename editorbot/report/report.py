"""The page that shows an edit: one HTML file that needs no network.

:func:`write_report` reads the recording and the track once each for their
outlines, encodes the sound, and fills the template. Style and script are put
into the page, and its content security policy allows these two by their hashes
and nothing else, so no name in the page can ever run.

References
----------
https://www.w3.org/TR/CSP3/
"""

from __future__ import annotations

import base64
import hashlib
import os
import shlex
from collections.abc import Callable, Sequence
from importlib import resources
from typing import Any
from urllib.parse import quote

from editorbot.analysis.analysis import Analysis
from editorbot.atomic import write_whole
from editorbot.editlist.edit_list import ActionSpan, EditList
from editorbot.errors import printable
from editorbot.recording import Recording
from editorbot.report.actions import action_lane
from editorbot.report.page import LoudnessLike, cuts, figures, placed_clips, placed_joins
from editorbot.report.peaks import no_progress, scan_peaks
from editorbot.report.pictures import draw_pictures
from editorbot.report.sounds import AROUND_JOIN_S, embed_sounds
from editorbot.report.tone import ToneCompared, tone_view
from editorbot.timebase import clock

FIRST_ROWS = 12
"""Joins that are shown at once; the others are folded."""

MOST_ROWS = 500
"""Rows of a table at most; the edit list has the rest."""


def write_report(
    path: str | os.PathLike[str],
    edit_list: EditList,
    analysis: Analysis,
    recording: Recording,
    *,
    track: Recording,
    loudness_before: LoudnessLike | None = None,
    loudness_after: LoudnessLike | None = None,
    tightness: str | None = None,
    actions: Sequence[ActionSpan] = (),
    tone: ToneCompared | None = None,
    progress: Callable[[float], None] = no_progress,
) -> None:
    """Write the page that shows an edit.

    Parameters
    ----------
    path : path
        Where the page goes.
    edit_list : EditList
        The edit.
    analysis : Analysis
        The analysis that the editor read.
    recording : Recording
        The raw recording, opened.
    track : Recording
        The rendered track, opened for reading; the page links to it by its name, in its own folder.
    loudness_before, loudness_after : Loudness, optional
        Of the recording and of the track.
    tightness : str, optional
        How readily the editor cut; left out where it had no choice.
    actions : sequence of ActionSpan
        The actions that the edit is made of, in their order; without any the page has no lane for them.
    tone : ToneCompared, optional
        The track without and with its polish, if it has any.
    progress : callable
        Takes the share done, in [0, 1].

    Raises
    ------
    OutputError
        If the page cannot be written; then none is left.

    Notes
    -----
    Memory stays flat: blocks, some thousand columns, and at most 10 MB of encoded sound.
    """
    raw_peaks = scan_peaks(recording, progress=lambda share: progress(0.3 * share))
    track_peaks = scan_peaks(track, progress=lambda share: progress(0.3 + 0.3 * share))
    edit_list_name = os.path.splitext(os.path.basename(os.fspath(path)))[0] + ".json"
    new_warnings = (line for line in analysis.warnings if line not in edit_list.warnings)
    content = {
        "title": printable(os.path.basename(recording.path)),
        "edit_list": edit_list,
        "rate": edit_list.source.sample_rate,
        "analysis": analysis,
        "figures": figures(edit_list, analysis, loudness_before, loudness_after, tightness),
        "warnings": [_warning(line) for line in (*edit_list.warnings, *new_warnings)],
        "sounds": embed_sounds(edit_list, track, progress=lambda share: progress(0.6 + 0.35 * share)),
        "pictures": draw_pictures(edit_list, analysis, raw_peaks, track_peaks),
        "actions": action_lane(actions, edit_list.source.samples, edit_list.source.sample_rate),
        "clips": placed_clips(edit_list),
        "joins": placed_joins(edit_list),
        "cuts": cuts(edit_list, analysis),
        "tone": tone_view(tone) if tone is not None else None,
        "around_s": AROUND_JOIN_S,
        "first_rows": FIRST_ROWS,
        "most_rows": MOST_ROWS,
        "track_link": link_to(path, track.path),
        "track_name": printable(os.path.basename(track.path)),
        "render_command": _render_command(printable(edit_list_name)),
        "edit_list_name": printable(edit_list_name),
    }
    write_whole(path, page_html(content).encode("utf-8", "replace"))
    progress(1.0)


def page_html(content: dict[str, Any]) -> str:
    """Fill the template with the page's content, everything escaped."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(clock=clock, printable=printable)
    style, script = _text("report.css"), _text("report.js")
    return environment.from_string(_text("report.html")).render(
        **content,
        style=Markup(style),
        script=Markup(script),
        policy=_policy(style, script, links=content["sounds"].preview is None),
    )


def _policy(style: str, script: str, *, links: bool) -> str:
    """Write the content security policy: our own style and script, embedded pictures and sound, no network.

    Where the track is too long to be embedded, it may be played from beside the page.
    """
    media = "media-src data: blob: 'self' file:" if links else "media-src data: blob:"
    style_source, script_source = (f"'sha256-{_sha256(text)}'" for text in (style, script))
    return (
        f"default-src 'none'; script-src {script_source}; style-src {style_source}; "
        f"img-src data:; {media}; base-uri 'none'; form-action 'none'"
    )


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode()


def _text(name: str) -> str:
    """Read a file of this package with line ends of one kind, as the hash in the policy needs them."""
    return (resources.files("editorbot.report") / name).read_text("utf-8").replace("\r\n", "\n")


def link_to(page: str | os.PathLike[str], target: str) -> str | None:
    """Write a relative, percent-encoded link from the page to a file, None where no path leads there."""
    try:
        relative = os.path.relpath(os.path.abspath(target), os.path.dirname(os.path.abspath(os.fspath(page))))
    except ValueError:  # another drive on Windows
        return None
    return "./" + quote(os.fsencode(relative.replace(os.sep, "/")))


def _render_command(edit_list: str) -> str:
    """The command that renders a changed list, into a new file so that the two can be compared."""
    track = os.path.splitext(edit_list)[0] + ".2.wav"
    return f"editorbot render --output={shlex.quote(track)} -- {shlex.quote(edit_list)}"


def _warning(line: str) -> tuple[str, str]:
    """Split a warning into its code and text."""
    code, colon, text = printable(line).partition(": ")
    return (code, text) if colon else ("", code)
