"""Sound in and out: reading by block, writing whole or not at all."""

from editorbot.recording.recording import Recording, open_recording
from editorbot.recording.writer import TrackWriter

__all__ = ["Recording", "TrackWriter", "open_recording"]
