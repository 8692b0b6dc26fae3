"""Lets numba start without loading all of scipy.linalg.

At the first call of any kernel numba makes sure that SciPy's BLAS can be called, by importing
``scipy.linalg.cython_blas``. The package around that one file takes a tenth of a whole short analysis to import,
and no kernel here multiplies matrices. Put under its name by itself, it is found by numba, and later by SciPy too.
"""

from __future__ import annotations

import importlib.util
import sys
from importlib.machinery import PathFinder
from pathlib import Path

_BLAS = "scipy.linalg.cython_blas"


def load_blas_alone() -> bool:
    """Load SciPy's BLAS without the package around it; return whether it is loaded.

    Where it cannot be found on its own nothing is done, and numba imports it in its way.
    """
    if _BLAS in sys.modules:
        return True
    import scipy  # its own start is short; on Windows it makes its libraries known

    spec = PathFinder.find_spec(_BLAS, [str(Path(folder, "linalg")) for folder in scipy.__path__])
    if spec is None or spec.loader is None:
        return False
    module = importlib.util.module_from_spec(spec)
    sys.modules[_BLAS] = module
    try:
        spec.loader.exec_module(module)
    except ImportError:
        del sys.modules[_BLAS]
        return False
    return True
