"""Sound in and out: reading by block, writing whole or not at all."""

from editorbot.recording.file_names import check_name, check_output, names_in, safe_output_name
from editorbot.recording.pcm import as_float, full_scale
from editorbot.recording.recording import Recording, check_is_there, open_recording
from editorbot.recording.sample_checks import SampleScan
from editorbot.recording.writer import TrackWriter, check_track, container_of

__all__ = [
    "Recording",
    "SampleScan",
    "TrackWriter",
    "as_float",
    "check_is_there",
    "check_name",
    "check_output",
    "check_track",
    "container_of",
    "full_scale",
    "names_in",
    "open_recording",
    "safe_output_name",
]
