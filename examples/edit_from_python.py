"""Edits a recording from Python: what `editorbot edit` does, and what one can do with the result.

python examples/edit_from_python.py examples/jam.ogg demo/edited.wav
"""

from __future__ import annotations

import argparse
import os

from editorbot.outputs import output_paths
from editorbot.pipeline import EditOptions, edit_recording
from editorbot.timebase import clock


def main() -> None:
    """Edit one file and say what was kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recording")
    parser.add_argument("track")
    parser.add_argument("--editor", default="scored")
    options = parser.parse_args()
    os.makedirs(os.path.dirname(options.track) or ".", exist_ok=True)

    outputs = output_paths(options.recording, options.track)
    edited = edit_recording(options.recording, outputs, EditOptions(editor=options.editor), force=True)

    rate = edited.edit_list.source.sample_rate
    print(f"{clock(edited.analysis.duration_s)} became {clock(edited.edit_list.output_samples / rate)}")
    for clip in edited.edit_list.clips:
        print(f"  {clock(clip.start / rate):>8} - {clock(clip.end / rate):>8}  {clip.reason}")
    for line in edited.edit_list.warnings:
        print(line)


if __name__ == "__main__":
    main()
