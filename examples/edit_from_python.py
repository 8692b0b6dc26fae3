"""Edits a recording from Python: analyzes it, decides what is played, writes the track, the list and a project.

python examples/edit_from_python.py examples/jam.ogg demo/edited.wav
"""

from __future__ import annotations

import argparse
import os
from dataclasses import replace

import editorbot
from editorbot.outputs import path_from
from editorbot.timebase import clock


def main() -> None:
    """Edit one file and say what was kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recording")
    parser.add_argument("track")
    parser.add_argument("--editor", default="scored")
    options = parser.parse_args()
    os.makedirs(os.path.dirname(options.track) or ".", exist_ok=True)
    stem = os.path.splitext(options.track)[0]

    with editorbot.open_recording(options.recording) as recording:
        analysis = editorbot.analyze(recording)
        edit_list = editorbot.edit(recording, analysis, editor=options.editor)
        editorbot.write_track(edit_list, recording, options.track, force=True)
    # In its file, a list names its source relative to itself, so that both can be moved together.
    source = replace(edit_list.source, path=path_from(stem + ".json", options.recording))
    listed = replace(edit_list, source=source)
    editorbot.write_edit_list(stem + ".json", listed)
    editorbot.export_edit(listed, "reaper", stem + ".rpp", force=True)

    rate = edit_list.source.sample_rate
    print(f"{clock(analysis.duration_s)} became {clock(edit_list.output_samples / rate)}")
    for clip in edit_list.clips:
        print(f"  {clock(clip.start / rate):>8} - {clock(clip.end / rate):>8}  {clip.reason}")
    for line in edit_list.warnings:
        print(line)


if __name__ == "__main__":
    main()
