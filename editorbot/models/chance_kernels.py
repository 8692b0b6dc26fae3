"""What steps are worth under a distribution, in compiled loops, forward and backward: see :mod:`step_measures`.

Rows are short and many, so torch's softmax and its like spend most of their time between them; and each of a
distribution's logarithms, probabilities and entropies, and all their gradients, would be arrays of their own.
Exponentials and logarithms are left to NumPy, which takes many at once.

Conventions
-----------
odds : np.ndarray, shape=(moments, types), float32
    Log odds of types.
inner : np.ndarray, shape=(moments, 2 * types, 5), float32
    Log odds of the sizes given each type, then of the amounts given each.
is_open, is_inner_open : np.ndarray, of the same shapes, bool
    What can be done at all.
normalizers, entropies : np.ndarray, shape=(moments, 1 + 2 * types), float32
    Of the types, then of the rows of `inner`: the logarithm of the sum of a softmax, and its entropy [nats].
"""

from __future__ import annotations

from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Bool, Float32, Int64
from numba import njit

from editorbot.models.policy_config import CLOSED

Row = Float32[np.ndarray, "_ _"]
Table = Float32[np.ndarray, "_ _ _"]
Open = Bool[np.ndarray, "_ _"]
InnerOpen = Bool[np.ndarray, "_ _ _"]

SUMS = {"reassoc", "contract", "nsz"}
"""What the compiler may do to sums: reorder them, but never take it that no number is infinite or none."""

CLOSED_32 = np.float32(CLOSED)
"""In the loops' own precision."""


class Softmax(NamedTuple):
    """The distributions that log odds make."""

    shares: Row
    """Probabilities of types, shape=(moments, types)."""
    inner_shares: Table
    """Of sizes and amounts given each type, shape=(moments, 2 * types, 5)."""
    normalizers: Row
    """See above."""
    entropies: Row
    """See above."""


class Reference(NamedTuple):
    """Another distribution over the same moments; no moments where there is none."""

    log_shares: Row
    """Log probabilities, alike."""
    log_inner_shares: Table
    """Log probabilities, alike."""
    shares: Row
    """Probabilities."""
    inner_shares: Table
    """Probabilities."""


def softmax_of(odds: Row, inner: Table, is_open: Open, is_inner_open: InnerOpen) -> Softmax:
    """Return the distributions that log odds make.

    What is closed has probability 0, but where all of a row is closed: that row's type has probability 0 itself.
    """
    shares, inner_shares = np.empty_like(odds), np.empty_like(inner)
    _close(odds.ravel(), is_open.view(np.uint8).ravel(), shares.ravel())
    _close(inner.ravel(), is_inner_open.view(np.uint8).ravel(), inner_shares.ravel())
    normalizers, totals, entropies = np.empty((3, len(odds), 1 + inner.shape[1]), np.float32)
    _take_tops(shares, inner_shares, normalizers)
    np.exp(shares, out=shares)
    np.exp(inner_shares, out=inner_shares)
    _divide(odds, inner, shares, inner_shares, totals, entropies)
    normalizers += np.log(totals)
    entropies += normalizers
    return Softmax(shares, inner_shares, normalizers, entropies)


@no_type_check
@njit(cache=True, nogil=True)  # no fastmath: another order of these sums rounds the log odds away
def _close(odds, is_open, closed):
    """Write log odds, lowered by CLOSED where closed; a branch would take longer, as nobody can guess which are."""
    for k in range(len(odds)):
        closed[k] = odds[k] + (np.float32(1) - np.float32(is_open[k])) * CLOSED_32


@no_type_check
@njit(cache=True, nogil=True, fastmath=SUMS, error_model="numpy")
def _take_tops(odds, inner, tops):
    """Take the highest of each row from its log odds, and write it."""
    for i in range(len(odds)):
        top = odds[i, 0]
        for k in range(1, odds.shape[1]):
            top = max(top, odds[i, k])
        tops[i, 0] = top
        for k in range(odds.shape[1]):
            odds[i, k] -= top
        for row in range(inner.shape[1]):
            top = inner[i, row, 0]
            for k in range(1, 5):
                top = max(top, inner[i, row, k])
            tops[i, 1 + row] = top
            for k in range(5):
                inner[i, row, k] -= top


@no_type_check
@njit(cache=True, nogil=True, fastmath=SUMS, error_model="numpy")
def _divide(odds, inner, shares, inner_shares, totals, entropies):
    """Divide rows by their sums, which are written; as entropies, what they are before the normalizer is added."""
    for i in range(len(odds)):
        total = np.float32(0)
        for k in range(odds.shape[1]):
            total += shares[i, k]
        weighted = np.float32(0)
        for k in range(odds.shape[1]):
            shares[i, k] /= total
            weighted += shares[i, k] * odds[i, k]
        totals[i, 0], entropies[i, 0] = total, -weighted
        for row in range(inner.shape[1]):
            total = np.float32(0)
            for k in range(5):
                total += inner_shares[i, row, k]
            weighted, factor = np.float32(0), np.float32(1) / total
            for k in range(5):
                inner_shares[i, row, k] *= factor
                weighted += inner_shares[i, row, k] * inner[i, row, k]
            totals[i, 1 + row], entropies[i, 1 + row] = total, -weighted


def measures_of(
    odds: Row, inner: Table, actions: Int64[np.ndarray, "_ 3"], softmax: Softmax, reference: Reference
) -> Float32[np.ndarray, "3 _"]:
    """Return log probabilities of actions, entropies of moments, and KL(reference || softmax), shape=(3, moments)."""
    results = np.zeros((3, len(odds)), np.float32)
    _measure(odds, inner, actions, softmax.shares, softmax.normalizers, softmax.entropies, results)
    if len(reference.shares):
        _diverge(odds, inner, *reference, softmax.normalizers, results[2])
    return results


@no_type_check
@njit(cache=True, nogil=True)
def _measure(odds, inner, actions, shares, normalizers, entropies, results):
    types = odds.shape[1]
    for i in range(len(actions)):
        done, size, amount = actions[i]
        log_prob = odds[i, done] - normalizers[i, 0]
        log_prob += inner[i, done, size] - normalizers[i, 1 + done]
        log_prob += inner[i, types + done, amount] - normalizers[i, 1 + types + done]
        entropy = entropies[i, 0]
        for kind in range(types):
            entropy += shares[i, kind] * (entropies[i, 1 + kind] + entropies[i, 1 + types + kind])
        results[0, i], results[1, i] = log_prob, entropy


@no_type_check
@njit(cache=True, nogil=True)
def _diverge(odds, inner, log_met, log_inner_met, met, inner_met, normalizers, kl):
    types = odds.shape[1]
    for i in range(len(odds)):
        away = 0.0
        for kind in range(types):
            if met[i, kind] == 0:
                continue
            within = log_met[i, kind] - odds[i, kind] + normalizers[i, 0]
            for row in (kind, types + kind):
                for k in range(5):
                    if inner_met[i, row, k] > 0:
                        moved = log_inner_met[i, row, k] - inner[i, row, k] + normalizers[i, 1 + row]
                        within += inner_met[i, row, k] * moved
            away += met[i, kind] * within
        kl[i] = away


def slopes_of(
    odds: Row,
    inner: Table,
    actions: Int64[np.ndarray, "_ 3"],
    softmax: Softmax,
    reference: Reference,
    pulls: Float32[np.ndarray, "3 _"],
) -> tuple[Row, Table]:
    """Return what log odds change, of the shapes of `odds` and `inner`; `pulls` are the gradients of the measures."""
    slopes, inner_slopes = np.empty_like(odds), np.empty_like(inner)
    _climb(odds, inner, actions, *softmax, *reference[2:], pulls, slopes, inner_slopes)
    return slopes, inner_slopes


@no_type_check
@njit(cache=True, nogil=True, fastmath=SUMS, error_model="numpy")
def _climb(
    odds, inner, actions, shares, inner_shares, normalizers, entropies, met, inner_met, pulls, slopes, inner_slopes
):
    types, has_met = odds.shape[1], len(met) > 0
    for i in range(len(actions)):
        to_log_prob, to_entropy, to_kl = pulls[0, i], pulls[1, i], pulls[2, i]
        expected = entropies[i, 0]
        for kind in range(types):
            expected += shares[i, kind] * (entropies[i, 1 + kind] + entropies[i, 1 + types + kind])
        for kind in range(types):
            share = shares[i, kind]
            surprise = normalizers[i, 0] - odds[i, kind]
            within = entropies[i, 1 + kind] + entropies[i, 1 + types + kind]
            slopes[i, kind] = share * (to_entropy * (surprise + within - expected) - to_log_prob)
        for row in range(2 * types):
            pull = to_entropy * shares[i, row % types]
            known = normalizers[i, 1 + row] - entropies[i, 1 + row]
            for k in range(5):
                inner_slopes[i, row, k] = pull * inner_shares[i, row, k] * (known - inner[i, row, k])
        done = actions[i, 0]
        slopes[i, done] += to_log_prob
        for part in range(2):
            row = part * types + done
            for k in range(5):
                inner_slopes[i, row, k] -= to_log_prob * inner_shares[i, row, k]
            inner_slopes[i, row, actions[i, 1 + part]] += to_log_prob
        for kind in range(types if has_met else 0):
            slopes[i, kind] += to_kl * (shares[i, kind] - met[i, kind])
            for row in (kind, types + kind):
                for k in range(5):
                    inner_slopes[i, row, k] += to_kl * met[i, kind] * (inner_shares[i, row, k] - inner_met[i, row, k])
