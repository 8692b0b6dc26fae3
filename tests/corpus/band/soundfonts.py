"""The smallest soundfont: one sine on a melodic preset and on a drum kit."""

from __future__ import annotations

import struct

import numpy as np

RATE = 44_100
PERIOD = 100
"""Samples in a period of the sine: 441 Hz at `ROOT_KEY`."""
ROOT_KEY = 69
LENGTH = 20 * PERIOD


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def _listed(kind: bytes, *chunks: bytes) -> bytes:
    return _chunk(b"LIST", kind + b"".join(chunks))


def _preset(name: bytes, number: int, bank: int, bag: int) -> bytes:
    return struct.pack("<20sHHHIII", name, number, bank, bag, 0, 0, 0)


def sine_soundfont() -> bytes:
    """Return an SF2 file whose two presets are (bank 0, program 0) and (bank 128, program 0)."""
    wave = np.round(20_000 * np.sin(2 * np.pi * np.arange(LENGTH) / PERIOD)).astype("<i2")
    samples = np.concatenate([wave, np.zeros(46, dtype="<i2")]).tobytes()
    info = _listed(
        b"INFO", _chunk(b"ifil", struct.pack("<HH", 2, 1)), _chunk(b"isng", b"EMU8000\0"), _chunk(b"INAM", b"sine\0\0")
    )
    presets = _preset(b"sine", 0, 0, 0) + _preset(b"kit", 0, 128, 1) + _preset(b"EOP", 0, 0, 2)
    sample = struct.pack(
        "<20sIIIIIBbHH", b"sine", 0, LENGTH, 5 * PERIOD, LENGTH - 5 * PERIOD, RATE, ROOT_KEY, 0, 0, 1
    ) + struct.pack("<20sIIIIIBbHH", b"EOS", 0, 0, 0, 0, 0, 0, 0, 0, 0)
    data = _listed(
        b"pdta",
        _chunk(b"phdr", presets),
        _chunk(b"pbag", struct.pack("<6H", 0, 0, 1, 0, 2, 0)),
        _chunk(b"pmod", bytes(10)),
        _chunk(b"pgen", struct.pack("<6H", 41, 0, 41, 0, 0, 0)),
        _chunk(b"inst", struct.pack("<20sH20sH", b"sine", 0, b"EOI", 1)),
        _chunk(b"ibag", struct.pack("<4H", 0, 0, 2, 0)),
        _chunk(b"imod", bytes(10)),
        _chunk(b"igen", struct.pack("<6H", 54, 1, 53, 0, 0, 0)),
        _chunk(b"shdr", sample),
    )
    content = b"sfbk" + info + _listed(b"sdta", _chunk(b"smpl", samples)) + data
    return _chunk(b"RIFF", content)
