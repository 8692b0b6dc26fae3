"""Writes an edit list by hand, without any editor, and renders it.

python examples/cut_by_hand.py examples/jam.ogg demo/by_hand.wav 0:33-0:57 1:13-1:20
"""

from __future__ import annotations

import argparse
import os
from dataclasses import replace

import editorbot
from editorbot.editlist.edit_list import Clip, MadeBy
from editorbot.editlist.operations import edit_list_of, range_from_s
from editorbot.from_list import render_file
from editorbot.outputs import output_paths, path_from
from editorbot.render.joins import refine_joins
from editorbot.timebase import parse_clock


def main() -> None:
    """Keep the given ranges, in the given order."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recording")
    parser.add_argument("track")
    parser.add_argument("ranges", nargs="+", help="START-END, 1:05-1:30.5 for example")
    options = parser.parse_args()
    os.makedirs(os.path.dirname(options.track) or ".", exist_ok=True)
    outputs = output_paths(options.recording, options.track)

    with editorbot.open_recording(options.recording) as recording:
        source = recording.source
        clips = []
        for text in options.ranges:
            start_s, end_s = (parse_clock(part) for part in text.split("-"))
            clips.append(Clip(*range_from_s(start_s, end_s, source), reason="chosen by hand"))
        edit_list = refine_joins(edit_list_of(source, clips, made_by=MadeBy("hand")), recording)
    listed = replace(source, path=path_from(outputs.edit_list, options.recording))
    editorbot.write_edit_list(outputs.edit_list, replace(edit_list, source=listed))
    rendered = render_file(outputs.edit_list, options.track, force=True)
    print(f"{outputs.edit_list}: {len(clips)} clips, {rendered.duration_s:.1f} s")


if __name__ == "__main__":
    main()
