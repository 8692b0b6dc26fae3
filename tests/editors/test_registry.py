from __future__ import annotations

import subprocess
import sys

import pytest

from editorbot.editors.base import Editor
from editorbot.editors.registry import EDITOR_NAMES, editor_named
from editorbot.errors import NotFoundError, UsageError


@pytest.mark.parametrize("name", EDITOR_NAMES)
def test_every_name_leads_to_an_editor_of_that_name(name):
    editor = editor_named(name)
    assert isinstance(editor, Editor)
    assert editor.name == name


@pytest.mark.parametrize("name", ["", "keep_all", "Scored", "../scored", "policy "])
def test_an_unknown_name_lists_the_known_ones(name):
    with pytest.raises(UsageError) as caught:
        editor_named(name)
    assert all(known in str(caught.value) for known in EDITOR_NAMES)
    assert repr(name) in str(caught.value)


def test_no_editor_is_loaded_before_it_is_asked_for():
    code = (
        "import sys, editorbot.editors.registry; "
        "print([m for m in sys.modules if m.startswith(('editorbot.editors.re', 'editorbot.editors.s', 'numba'))])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "['editorbot.editors.registry']"


def test_only_learned_editors_take_weights(tmp_path):
    with pytest.raises(UsageError, match="takes no checkpoint"):
        editor_named("retarget", tmp_path / "x.safetensors")
    with pytest.raises(NotFoundError):
        editor_named("scored", tmp_path / "x.safetensors")
