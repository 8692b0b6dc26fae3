"""editorbot turns a raw music recording into a polished track.

The names below are the whole public interface. Each is loaded when it is first used, so importing the package is quick.

    import editorbot

    with editorbot.open_recording("jam.wav") as recording:
        analysis = editorbot.analyze(recording)
        edit_list = editorbot.edit(recording, analysis, editorbot.EditRequest(target_s=210.0))
        editorbot.write_track(edit_list, recording, "jam.edited.wav")
    editorbot.write_edit_list("jam.edited.json", edit_list)
    editorbot.export_edit(edit_list, "reaper", "jam.edited.rpp")
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from editorbot.analysis.analyze import analyze as analyze
    from editorbot.editlist.edit_list import EditList as EditList
    from editorbot.editlist.json_format import read_edit_list as read_edit_list
    from editorbot.editlist.json_format import write_edit_list as write_edit_list
    from editorbot.editors.base import EditRequest as EditRequest
    from editorbot.export import export_edit as export_edit
    from editorbot.from_list import write_track as write_track
    from editorbot.pipeline import edit as edit
    from editorbot.recording import open_recording as open_recording

__version__ = "0.1.0"

_MODULES = {
    "EditList": "editlist.edit_list",
    "EditRequest": "editors.base",
    "analyze": "analysis.analyze",
    "edit": "pipeline",
    "export_edit": "export",
    "open_recording": "recording",
    "read_edit_list": "editlist.json_format",
    "write_edit_list": "editlist.json_format",
    "write_track": "from_list",
}
"""Public name -> the module that defines it."""

__all__ = ["__version__", *_MODULES]


def __getattr__(name: str) -> Any:
    """Load a public name."""
    if name not in _MODULES:
        raise AttributeError(f"module 'editorbot' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"editorbot.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    """List the public names beside what is loaded."""
    return sorted({*globals(), *__all__})
