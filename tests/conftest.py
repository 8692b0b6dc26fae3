"""Checks the shapes that annotations promise, in every test."""

from jaxtyping import install_import_hook

# Modules with numba kernels keep their own checks: numba cannot compile a wrapped function.
install_import_hook("editorbot", "beartype.beartype")
