"""Sound in and out: reading by block, writing whole or not at all."""

from editorbot.recording.checks import check_name, check_output, safe_output_name
from editorbot.recording.folders import names_in
from editorbot.recording.recording import Recording, check_is_there, open_recording
from editorbot.recording.sample_scan import SampleScan
from editorbot.recording.writer import TrackWriter, check_track, container_of, track_subtype

__all__ = [
    "Recording",
    "SampleScan",
    "TrackWriter",
    "check_is_there",
    "check_name",
    "check_output",
    "check_track",
    "container_of",
    "names_in",
    "open_recording",
    "safe_output_name",
    "track_subtype",
]
