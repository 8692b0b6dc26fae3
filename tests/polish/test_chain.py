"""Stages by name."""

from __future__ import annotations

import numpy as np
import pytest

from editorbot.editlist.edit_list import PolishStep
from editorbot.errors import FormatError
from editorbot.polish import POLISH_NAMES
from tests.polish.polished_sounds import polished, quiet_music


def test_none_hands_on_the_samples_untouched():
    native = np.arange(-500, 500, dtype=np.int16).reshape(-1, 1)
    assert np.array_equal(polished(native, (PolishStep("none"),)), native)
    assert np.array_equal(polished(native, ()), native)


def test_an_unknown_stage_is_refused_by_name():
    with pytest.raises(FormatError, match="'shine' is unknown; known: none, loudness"):
        polished(quiet_music(), (PolishStep("shine"),))
    assert POLISH_NAMES[:2] == ("none", "loudness")
