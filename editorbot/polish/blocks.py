"""How sound goes through polish: block by block.

Conventions
-----------
A block has shape (samples, channels): integers of the source, or floats with full scale 1.0. `sample_rate` is in Hz,
`channels` the number in every block. Stages return as many samples in all as came in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Float, Float32, Float64, Shaped

Block = Shaped[np.ndarray, "_samples _channels"]
Blocks = Iterator[Block]
FloatBlocks = Iterator[Float64[np.ndarray, "_samples _channels"]]

MakeBlocks = Callable[[], Blocks]
"""Starts the sound anew each time that it is called."""

BandValues = Float[np.ndarray, " 128"]
"""A number for each mel band."""

MelFrames = Float32[np.ndarray, "_frames 128"]
"""A number for each frame and mel band."""
