"""Neighborhood attention along one axis: every beat attends to exactly `kernel` beats.

The window is clamped at the ends, as in NATTEN [1]_: the centre of beat i's
window is ``clamp(i, K // 2, L - 1 - K // 2)``. Backends agree to 1e-5, forward
and gradient; the tests compare them with a loop over beats.

References
----------
.. [1] Hassani et al., "Neighborhood Attention Transformer", CVPR 2023.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from editorbot.errors import MissingExtraError, UsageError
from editorbot.extras import install_packages
from editorbot.models.attention_kernels import attend, attend_backward, neighborhood

BACKENDS = ("auto", "kernel", "banded", "dense", "natten")
"""kernel: compiled loops on the CPU; banded: blocks of SDPA, anywhere; dense: a mask over all pairs; natten: the
package (CUDA)."""

BAND = 64
"""Beats that share their keys in the banded backend."""


def neighborhood_attention_1d(
    q: Tensor, k: Tensor, v: Tensor, kernel: int, *, lengths: Sequence[int] | None = None, backend: str = "auto"
) -> Tensor:
    """Compute the attention of each beat to the `kernel` beats around it.

    Parameters
    ----------
    q, k, v : Tensor, shape=(heads, beats, size)
        Queries, keys and values of all recordings.
    kernel : int
        Beats that each one attends to, odd; in a shorter recording, its largest odd number of beats.
    lengths : sequence of int, optional
        Beats of each recording, which are concatenated; one recording if left out.
    backend : str
        One of BACKENDS; auto takes the compiled loops on a CPU, elsewhere natten if it is installed, else banded.

    Raises
    ------
    UsageError
        If the kernel is even, or there is no such backend.
    MissingExtraError
        If natten is chosen and not installed.

    Notes
    -----
    Time O(beats x kernel) but for the dense backend.
    """
    if kernel < 1 or kernel % 2 == 0:
        raise UsageError(f"the attention's kernel must be odd, but is {kernel}")
    if backend not in BACKENDS:
        raise UsageError(f"there is no attention backend {backend!r}; there are {', '.join(BACKENDS)}")
    parts = [q.shape[1]] if lengths is None else [int(length) for length in lengths]
    chosen = _fitting(q) if backend == "auto" else backend
    if chosen == "kernel":
        out: Tensor = _Compiled.apply(q, k, v, kernel, tuple(parts))  # type: ignore[no-untyped-call]
        return out
    run = _BY_NAME[chosen]
    if len(parts) == 1:
        return run(q, k, v, _shrunk(kernel, parts[0]))
    # split, not slices: the gradient of many slices of one long tensor takes time quadratic in its length.
    split = [torch.split(one, parts, dim=1) for one in (q, k, v)]
    near = [run(a, b, c, _shrunk(kernel, a.shape[1])) for a, b, c in zip(*split)]
    return torch.cat(near, dim=1)


def _fitting(q: Tensor) -> str:
    if q.device.type == "cpu":
        return "kernel"
    return "natten" if find_spec("natten") is not None else "banded"


def _shrunk(kernel: int, beats: int) -> int:
    return min(kernel, beats - 1 + beats % 2)


class _Compiled(torch.autograd.Function):
    """The compiled loops, heads in as many threads as torch has."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, kernel: int, lengths: tuple[int, ...]) -> Tensor:
        first, count = neighborhood(lengths, kernel)
        arrays = [one.detach().to(torch.float32).contiguous().numpy() for one in (q, k, v)]
        scale = np.float32(q.shape[-1] ** -0.5)
        out = np.empty_like(arrays[0])
        shares = np.empty((*out.shape[:2], int(count.max())), np.float32)
        _by_head(attend, arrays, (first, count, scale), [out, shares])
        ctx.kept = (arrays, first, count, scale, shares)
        return torch.from_numpy(out).to(q.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        arrays, first, count, scale, shares = ctx.kept
        grad = grads[0].to(torch.float32).contiguous().numpy()
        found = [np.zeros_like(one) for one in arrays]
        _by_head(attend_backward, arrays, (first, count, scale), [shares, grad, *found])
        return (*(torch.from_numpy(one).to(grads[0].dtype) for one in found), None, None)


def _by_head(
    loop: Callable[..., None], arrays: Sequence[np.ndarray], between: tuple[Any, ...], rest: Sequence[np.ndarray]
) -> None:
    """Run a loop on all heads, in as many threads as torch has."""
    heads = arrays[0].shape[0]
    threads = min(torch.get_num_threads(), heads)
    if threads == 1:
        loop(*arrays, *between, *rest)
        return
    bounds = np.linspace(0, heads, threads + 1).astype(int)

    def run(part: int) -> None:
        at = slice(bounds[part], bounds[part + 1])
        loop(*(one[at] for one in arrays), *between, *(one[at] for one in rest))

    # A pool for this call alone: lasting threads would not survive the fork of a worker process.
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(run, range(threads)))


def _banded(q: Tensor, k: Tensor, v: Tensor, kernel: int) -> Tensor:
    """Blocks of beats, each with the keys that any of its beats attends to."""
    heads, beats, size = q.shape
    wide = BAND + kernel - 1
    if beats <= wide:
        return _dense(q, k, v, kernel)
    blocks = -(-beats // BAND)
    at, mask = _bands(beats, kernel, q.device)
    asked = functional.pad(q, (0, 0, 0, blocks * BAND - beats)).view(heads, blocks, BAND, size)
    near_k = k[:, at].view(heads, blocks, wide, size)
    near_v = v[:, at].view(heads, blocks, wide, size)
    out = functional.scaled_dot_product_attention(asked, near_k, near_v, attn_mask=mask)
    return out.reshape(heads, blocks * BAND, size)[:, :beats]


@lru_cache(maxsize=32)
@torch.inference_mode(False)
def _bands(beats: int, kernel: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Find the keys of each block, and mask those that each of its beats attends to."""
    wide = BAND + kernel - 1
    blocks = -(-beats // BAND)
    starts = torch.clamp(torch.arange(blocks, device=device) * BAND - kernel // 2, 0, beats - wide)
    at = starts[:, None] + torch.arange(wide, device=device)
    beat = torch.clamp(torch.arange(blocks * BAND, device=device).view(blocks, BAND), max=beats - 1)
    first = torch.clamp(beat - kernel // 2, 0, beats - kernel)
    mask = (at[:, None, :] >= first[..., None]) & (at[:, None, :] < first[..., None] + kernel)
    return at.reshape(-1), mask


def _dense(q: Tensor, k: Tensor, v: Tensor, kernel: int) -> Tensor:
    """All pairs, most of them masked out."""
    beats = q.shape[1]
    beat = torch.arange(beats, device=q.device)
    first = torch.clamp(beat - kernel // 2, 0, beats - kernel)[:, None]
    mask = (beat[None] >= first) & (beat[None] < first + kernel)
    return functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)


def _natten(q: Tensor, k: Tensor, v: Tensor, kernel: int) -> Tensor:
    """The package NATTEN."""
    if find_spec("natten") is None:
        command = install_packages("natten")
        raise MissingExtraError(f"the attention backend natten needs the package; run: {command}")
    import natten

    parts = [one.transpose(0, 1)[None].contiguous() for one in (q, k, v)]
    out: Tensor = natten.na1d(*parts, kernel_size=kernel)[0].transpose(0, 1)
    return out


_BY_NAME: dict[str, Callable[[Tensor, Tensor, Tensor, int], Tensor]] = {
    "banded": _banded,
    "dense": _dense,
    "natten": _natten,
}
