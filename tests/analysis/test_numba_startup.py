"""SciPy and numba both work after the short way in; looked at in a process of its own, since other tests load SciPy."""

import os
import subprocess
import sys

from editorbot.analysis import numba_startup
from editorbot.analysis.numba_startup import load_scipy_blas

STORY = """
import sys
import numpy as np
from editorbot.analysis.kernels import measure_hops
from editorbot.analysis.numba_startup import load_scipy_blas
assert load_scipy_blas() and load_scipy_blas()
measure_hops(np.zeros(4_096, np.float32), 512, 0, 4_096, np.empty(4), np.empty(4), np.empty(4))
assert "scipy.linalg" not in sys.modules
from numba.np.arraymath import _HAVE_BLAS
from scipy.linalg import cython_blas, inv, blas
assert _HAVE_BLAS and cython_blas is sys.modules["scipy.linalg.cython_blas"]
matrix = np.array([[2.0, 1.0], [1.0, 3.0]])
assert np.allclose(inv(matrix) @ matrix, np.eye(2)) and blas.ddot([1.0, 2.0], [3.0, 4.0]) == 11
"""

KERNEL = """
from numba import njit
from editorbot.analysis.numba_startup import loaded_without_compiler

@loaded_without_compiler
@njit(cache=True)
def total(values):
    sum = 0.0
    for value in values:
        sum += value
    return sum
"""

CALL = """
import sys
import numpy as np
from kernel import total
assert total(np.arange(4.0)) == 6
print("numba.cpython.charseq" in sys.modules)
assert total(np.arange(4)) == 6  # another type, which is compiled anew
"""


def test_a_kernel_is_loaded_without_the_compiler(tmp_path):
    (tmp_path / "kernel.py").write_text(KERNEL)
    (tmp_path / "call.py").write_text(CALL)
    told = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": os.pathsep.join(sys.path)}
    for compiles in (True, False):
        command = [sys.executable, "-W", "error", str(tmp_path / "call.py")]
        result = subprocess.run(command, capture_output=True, text=True, check=False, env=told)
        assert result.stdout.strip() == str(compiles), result.stderr


def test_numba_and_scipy_work_after_it():
    result = subprocess.run([sys.executable, "-W", "error", "-c", STORY], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_where_it_is_not_found_nothing_is_done(monkeypatch):
    monkeypatch.setattr(numba_startup, "_BLAS", "scipy.linalg.no_such_file")
    assert not load_scipy_blas()
    assert "scipy.linalg.no_such_file" not in sys.modules
