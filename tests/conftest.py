"""Checks the shapes that annotations promise, in every test."""

import os

# Workers share the cores; libraries that start a thread a core in each of them only wait for one another.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

from hypothesis import settings  # noqa: E402
from jaxtyping import install_import_hook  # noqa: E402

# No deadlines: a busy machine is no bug. In CI the examples are the same each time; elsewhere they are new ones.
settings.register_profile("steady", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("steady")

# Loaded before the hook: numba cannot compile a function that is wrapped.
import editorbot.analysis.kernels  # noqa: E402
import editorbot.corpus.kernels  # noqa: E402, F401

install_import_hook("editorbot", "beartype.beartype")
