"""Edit lists as other programs' files."""

from editorbot.export.export import EXPORT_ENDINGS, EXPORT_NAMES, export_edit, export_paths

__all__ = ["EXPORT_ENDINGS", "EXPORT_NAMES", "export_edit", "export_paths"]
