"""Checks the shapes that annotations promise, in every test."""

from jaxtyping import install_import_hook

# Loaded before the hook: numba cannot compile a function that is wrapped.
import editorbot.analysis.kernels  # noqa: F401

install_import_hook("editorbot", "beartype.beartype")
