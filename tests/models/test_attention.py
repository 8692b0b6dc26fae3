"""Neighborhood attention: every backend against a loop over beats, forward and gradient."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from editorbot.errors import MissingExtraError, UsageError
from editorbot.models.attention import neighborhood_attention_1d

CPU_BACKENDS = ("kernel", "banded", "dense")


def naive(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, kernel: int) -> torch.Tensor:
    """The definition, a beat at a time."""
    heads, beats, size = q.shape
    kernel = min(kernel, beats if beats % 2 else beats - 1)
    rows = []
    for head in range(heads):
        for beat in range(beats):
            centre = min(max(beat, kernel // 2), beats - 1 - kernel // 2)
            near = slice(centre - kernel // 2, centre + kernel // 2 + 1)
            assert near.stop - near.start == kernel
            shares = torch.softmax(k[head, near] @ q[head, beat] / size**0.5, dim=0)
            rows.append(shares @ v[head, near])
    return torch.stack(rows).view(heads, beats, size)


def parts(beats: int, heads: int = 2, size: int = 4, seed: int = 0) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(heads, beats, size, generator=generator).requires_grad_() for _ in range(3)]


def with_gradients(run, tensors: list[torch.Tensor]) -> list[torch.Tensor]:
    for one in tensors:
        one.grad = None
    out = run(*tensors)
    (out * torch.linspace(-1, 1, out.numel()).view_as(out)).sum().backward()
    return [out.detach(), *(one.grad.clone() for one in tensors)]


@pytest.mark.parametrize("backend", CPU_BACKENDS)
@pytest.mark.parametrize(("beats", "kernel"), [(1, 33), (2, 3), (7, 7), (8, 33), (40, 5), (150, 33)])
def test_backends_give_what_the_definition_says(backend, beats, kernel):
    tensors = parts(beats)
    wanted = with_gradients(lambda q, k, v: naive(q, k, v, kernel), tensors)
    found = with_gradients(lambda q, k, v: neighborhood_attention_1d(q, k, v, kernel, backend=backend), tensors)
    for one, other in zip(found, wanted):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=0)


@pytest.mark.parametrize("backend", CPU_BACKENDS)
def test_recordings_end_to_end_do_not_see_each_other(backend):
    tensors, lengths = parts(70), [5, 1, 64]
    whole = neighborhood_attention_1d(*tensors, 9, lengths=lengths, backend=backend)
    pieces = [torch.split(one, lengths, dim=1) for one in tensors]
    alone = torch.cat([naive(*piece, 9) for piece in zip(*pieces)], dim=1)
    torch.testing.assert_close(whole, alone, atol=1e-5, rtol=0)


def test_threads_do_not_change_the_result():
    tensors = parts(30, heads=3)
    before = torch.get_num_threads()
    found = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.append(with_gradients(lambda q, k, v: neighborhood_attention_1d(q, k, v, 7), tensors))
    finally:
        torch.set_num_threads(before)
    for one, other in zip(*found):
        assert torch.equal(one, other)


def test_even_kernels_and_unknown_backends_are_refused():
    tensors = parts(5)
    with pytest.raises(UsageError, match="odd, but is 4"):
        neighborhood_attention_1d(*tensors, 4)
    with pytest.raises(UsageError, match="no attention backend"):
        neighborhood_attention_1d(*tensors, 3, backend="magic")


def test_natten_names_its_package_where_it_is_missing(monkeypatch):
    monkeypatch.setattr("editorbot.models.attention.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install .*natten"):
        neighborhood_attention_1d(*parts(5), 3, backend="natten")


def test_kept_masks_survive_inference_mode():
    tensors = parts(200)
    with torch.inference_mode():
        neighborhood_attention_1d(*tensors, 9, backend="banded")
    out = neighborhood_attention_1d(*tensors, 9, backend="banded")
    out.sum().backward()
    assert np.isfinite(tensors[0].grad.numpy()).all()
