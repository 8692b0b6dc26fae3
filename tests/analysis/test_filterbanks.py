"""The filters are the field's own."""

import librosa
import numpy as np
import pytest
import scipy.fft

from editorbot.analysis.filterbanks import chroma_matrix, contrast_bands, cosine_matrix, mel_bank, mel_matrix
from editorbot.timebase import ANALYSIS_RATE, N_FFT


@pytest.mark.parametrize("bands", [40, 128])
def test_mel_filters_are_librosas(bands: int) -> None:
    np.testing.assert_array_equal(mel_matrix(bands), librosa.filters.mel(sr=ANALYSIS_RATE, n_fft=N_FFT, n_mels=bands))


def test_chroma_filters_are_librosas_at_concert_pitch() -> None:
    np.testing.assert_allclose(
        chroma_matrix(), librosa.filters.chroma(sr=ANALYSIS_RATE, n_fft=N_FFT, tuning=0.0), atol=1e-7
    )


def test_a_bank_is_its_matrix_without_zeros() -> None:
    bank, matrix = mel_bank(128), mel_matrix(128)
    again = np.zeros_like(matrix)
    for band, first in enumerate(bank.first):
        weights = bank.weights[bank.offset[band] : bank.offset[band + 1]]
        again[band, first : first + len(weights)] = weights
    np.testing.assert_array_equal(again, matrix)


def test_contrast_bands_cover_all_bins_once() -> None:
    bands = contrast_bands()
    np.testing.assert_array_equal(bands.first[1:], bands.end[:-1])
    assert (bands.first[0], bands.end[-1]) == (0, N_FFT // 2 + 1)
    assert (bands.picked >= 1).all()


def test_cosines_are_the_orthonormal_dct() -> None:
    mel_db = np.random.default_rng(0).standard_normal((5, 128))
    expected = scipy.fft.dct(mel_db, norm="ortho", axis=1)[:, :13]
    np.testing.assert_allclose(mel_db @ cosine_matrix(13, 128), expected, atol=1e-6)
