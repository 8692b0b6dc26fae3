"""The average spectrum is that of the track while it plays."""

from __future__ import annotations

import numpy as np

from editorbot.polish.average_spectrum import SpectrumMeter


def test_quiet_stretches_do_not_count():
    rng = np.random.default_rng(0)
    loud = rng.uniform(0.5, 1, (50, 128)).astype(np.float32)
    meter, all_loud = SpectrumMeter(), SpectrumMeter()
    all_loud.add(loud)
    for part in (loud, 1e-5 * loud, np.zeros((9, 128), np.float32)):
        meter.add(part)
    assert np.allclose(meter.spectrum_db(), all_loud.spectrum_db())
    assert SpectrumMeter().spectrum_db() is None
