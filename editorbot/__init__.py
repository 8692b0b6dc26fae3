"""editorbot turns a raw music recording into a polished track."""

__version__ = "0.1.0"
