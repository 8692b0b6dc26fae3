"""Drawing from lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")


def pick(items: Sequence[T], rng: np.random.Generator) -> T:
    """Return one of some items, each as likely as the others."""
    return items[int(rng.integers(len(items)))]
