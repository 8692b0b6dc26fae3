"""A tiny cloning run."""

from __future__ import annotations

import pytest

from tests.training.demonstrations import cloning_settings


@pytest.fixture
def cloning(tmp_path):
    return cloning_settings(tmp_path)
