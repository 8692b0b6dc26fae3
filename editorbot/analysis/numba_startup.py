"""Lets numba start without what only its compiler needs.

Before numba loads a kernel that an earlier process compiled, it imports and registers all that it can compile, an
eighth of a whole short analysis. :func:`loaded_without_compiler` marks kernels of plain arrays and numbers, whose
compiled form refers to none of that.

When it does compile, numba makes sure that SciPy's BLAS can be called, by importing ``scipy.linalg.cython_blas``. The
package around that one file takes a tenth of a whole short analysis to import, and no kernel here multiplies matrices.
Put under its name by itself, it is found by numba, and later by SciPy too.
"""

from __future__ import annotations

import importlib.util
import sys
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any, TypeVar

_Kernel = TypeVar("_Kernel")

_BLAS = "scipy.linalg.cython_blas"


def load_scipy_blas() -> bool:
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


def loaded_without_compiler(kernel: _Kernel) -> _Kernel:
    """Load a kernel from numba's cache without the compiler's registries; compiling loads them as ever.

    Only for kernels of arrays and numbers: no random numbers, linear algebra, strings, lists or dictionaries.
    Where this numba works in another way, nothing is changed.
    """
    cache: Any = getattr(kernel, "_cache", None)
    if hasattr(cache, "_load_overload") and hasattr(cache, "_guard_against_spurious_io_errors"):
        cache.load_overload = lambda signature, target: _load(cache, signature, target)
    return kernel


def _load(cache: Any, signature: Any, target: Any) -> Any:
    """Do what numba's `Cache.load_overload` does, but for `target.refresh()`; of that only the runtime is needed."""
    from numba.core.runtime.nrt import rtsys

    rtsys.initialize(target)
    with cache._guard_against_spurious_io_errors():
        return cache._load_overload(signature, target)
