"""The hot loops of the analysis: one frame after another, no memory beyond a few rows.

Plain functions of arrays; `spectrum.py` and `spectrum_scan.py` say what the numbers mean. One thread on purpose:
threads inside a block of 256 frames were measured to be slower than none, and `spectrum_scan.BLOCK_FRAMES` is half
that.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from editorbot.analysis.numba_startup import loaded_without_compiler

_POWER_FLOOR = 1e-10
"""librosa's smallest power (`amin`)."""
_SILENT_SAMPLE = 1e-10
"""librosa's threshold below which a sample counts as zero in zero crossings."""
_CHUNK = 16
"""Values searched together for peaks."""
_LANES = 64
"""Products that share the powers of a spectrum before a logarithm is taken: 17 of 1e-10 to 1e15 fit a float64."""


@njit(cache=True, nogil=True)
def rolloff_bin(magnitude, share, sums):  # type: ignore[no-untyped-def]
    """Find the first bin at which `share` of the summed magnitude is reached; `sums` is scratch memory.

    Sums as librosa does, one by one in float32.
    """
    total = np.float32(0.0)
    for k in range(magnitude.size):
        total += magnitude[k]
        sums[k] = total
    threshold = np.float32(share) * total
    # The sums never fall, so halving the range finds the first that reaches.
    low, high = 0, magnitude.size - 1
    while low < high:
        middle = (low + high) // 2
        if sums[middle] >= threshold:
            high = middle
        else:
            low = middle + 1
    return low


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def apply_bank(power, first, offset, weights, out):  # type: ignore[no-untyped-def]
    """Sum `power` under each triangle of a BandBank into `out`."""
    for band in range(first.size):
        total = np.float32(0.0)
        its = weights[offset[band] : offset[band + 1]]
        # Slices, because an index that might be negative keeps the compiler from taking many at a time.
        under = power[first[band] : first[band] + its.size]
        for i in range(its.size):
            total += under[i] * its[i]
        out[band] = total


@njit(cache=True, nogil=True, fastmath={"reassoc", "nsz", "nnan"})
def _largest(values, first, end):  # type: ignore[no-untyped-def]
    """Find the largest of values[first:end]; many at a time where the processor can."""
    part = values[first:end]
    largest = part[0]
    for k in range(part.size):
        largest = max(largest, part[k])
    return largest


@njit(cache=True, nogil=True)
def mean_of_largest(values, first, end, count, tops):  # type: ignore[no-untyped-def]
    """Average the `count` largest of values[first:end], which are overwritten; `tops` is scratch memory.

    Keeps the largest of every chunk, so that removing one costs a pass over one chunk.
    """
    if count == 1:
        return _largest(values, first, end)
    chunks = (end - first + _CHUNK - 1) // _CHUNK
    for chunk in range(chunks):
        start = first + chunk * _CHUNK
        tops[chunk] = _largest(values, start, min(start + _CHUNK, end))
    total = 0.0
    for _ in range(count):
        best = 0
        for chunk in range(1, chunks):
            if tops[chunk] > tops[best]:
                best = chunk
        total += tops[best]
        start = first + best * _CHUNK
        stop = min(start + _CHUNK, end)
        k = start
        while k + 1 < stop and values[k] != tops[best]:
            k += 1
        values[k] = -np.inf
        tops[best] = _largest(values, start, stop)
    return total / count


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def _summed(values, end):  # type: ignore[no-untyped-def]
    """Sum values[:end]."""
    total = np.float32(0.0)
    for k in range(end):
        total += values[k]
    return total


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def split_spectrum(spectrum, power, magnitude):  # type: ignore[no-untyped-def]
    """Write power and magnitude of one complex spectrum."""
    for k in range(spectrum.size):
        real, imaginary = np.float32(spectrum[k].real), np.float32(spectrum[k].imag)
        squared = real * real + imaginary * imaginary
        power[k] = squared
        magnitude[k] = np.sqrt(squared)


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def moments(magnitude):  # type: ignore[no-untyped-def]
    """Sum magnitude, magnitude x bin and magnitude x bin squared."""
    zeroth, first, second = 0.0, 0.0, 0.0
    for k in range(magnitude.size):
        value, bin_ = np.float64(magnitude[k]), np.float64(k)
        zeroth += value
        first += value * bin_
        second += value * bin_ * bin_
    return zeroth, first, second


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def flatness(power, products):  # type: ignore[no-untyped-def]
    """Compute geometric over arithmetic mean of the power, floored as librosa does; `products` is scratch memory."""
    floor, lanes = np.float32(_POWER_FLOOR), products.size
    products[:] = 1.0
    log_sum, total = 0.0, 0.0
    for start in range(0, power.size, lanes):
        for lane in range(min(lanes, power.size - start)):
            value = np.float64(max(power[start + lane], floor))
            products[lane] *= value
            total += value
    for lane in range(lanes):
        log_sum += np.log(products[lane])
    return np.exp(log_sum / power.size) * power.size / total


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def chroma_energy(power, filters, out):  # type: ignore[no-untyped-def]
    """Write the energy of each pitch class."""
    for pitch in range(filters.shape[0]):
        total = np.float32(0.0)
        for k in range(power.size):
            total += filters[pitch, k] * power[k]
        out[pitch] = total


@loaded_without_compiler
@njit(cache=True, nogil=True)
def measure_frames(  # type: ignore[no-untyped-def]
    spectra, bin_hz, low_bins, mel, coarse, chroma_filters, contrast, shape, mel_out, coarse_out, chroma_out,
    peak_out, valley_out,
):  # fmt: skip
    """Measure each spectrum of a block.

    `mel`, `coarse` and `contrast` are the fields of the filter banks as tuples. `shape` takes
    centroid [Hz], rolloff [Hz], bandwidth [Hz], flatness, share of power below `low_bins`.
    """
    power = np.empty(spectra.shape[1], dtype=np.float32)
    magnitude = np.empty(spectra.shape[1], dtype=np.float32)
    negated = np.empty(spectra.shape[1], dtype=np.float32)
    products, tops = np.empty(_LANES), np.empty(spectra.shape[1], dtype=np.float32)
    for f in range(spectra.shape[0]):
        split_spectrum(spectra[f], power, magnitude)
        zeroth, first, second = moments(magnitude)
        center = first / zeroth if zeroth > 1e-30 else 0.0
        spread = second / zeroth - center * center if zeroth > 1e-30 else 0.0
        shape[f, 0] = center * bin_hz
        shape[f, 1] = rolloff_bin(magnitude, 0.85, negated) * bin_hz
        shape[f, 2] = np.sqrt(max(0.0, spread)) * bin_hz
        shape[f, 3] = flatness(power, products)
        total = _summed(power, power.size)
        shape[f, 4] = _summed(power, low_bins) / total if total > 1e-30 else 0.0
        apply_bank(power, mel[0], mel[1], mel[2], mel_out[f])
        apply_bank(power, coarse[0], coarse[1], coarse[2], coarse_out[f])
        chroma_energy(power, chroma_filters, chroma_out[f])
        for k in range(negated.size):
            negated[k] = -magnitude[k]
        for band in range(contrast[0].size):
            first_bin, end_bin, count = contrast[0][band], contrast[1][band], contrast[2][band]
            # The bands do not overlap, so each may spoil its own bins.
            peak_out[f, band] = mean_of_largest(magnitude, first_bin, end_bin, count, tops)
            valley_out[f, band] = -mean_of_largest(negated, first_bin, end_bin, count, tops)


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def _energy(samples):  # type: ignore[no-untyped-def]
    """Sum the squares."""
    total = 0.0
    for i in range(samples.size):
        total += np.float64(samples[i]) * samples[i]
    return total


@njit(cache=True, nogil=True)
def _crossings(samples):  # type: ignore[no-untyped-def]
    """Count the samples on the other side of zero than the one before."""
    here, before, count = samples[1:], samples[:-1], 0
    for i in range(here.size):
        count += (here[i] < -_SILENT_SAMPLE) != (before[i] < -_SILENT_SAMPLE)
    return count


@loaded_without_compiler
@njit(cache=True, nogil=True)
def measure_hops(samples, hop, real_from, real_to, energy, crossings, first_crosses):  # type: ignore[no-untyped-def]
    """Sum squares and count zero crossings of each hop; samples outside [real_from, real_to) are padding."""
    for block in range(energy.size):
        first, end = block * hop, (block + 1) * hop
        energy[block] = _energy(samples[first:end])
        # A sample crosses that has a real one before it.
        low, high = max(first, real_from + 1, 1), min(end, real_to)
        crossings[block], first_crosses[block] = 0.0, 0.0
        if low < high:
            crossings[block] = _crossings(samples[low - 1 : high])
            if low == first:
                first_crosses[block] = _crossings(samples[low - 1 : low + 1])
