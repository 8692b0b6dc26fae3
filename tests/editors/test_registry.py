from __future__ import annotations

import subprocess
import sys

import pytest

from editorbot.editors.keep_all import KeepAllEditor
from editorbot.editors.pointer import PointerEditor
from editorbot.editors.policy import PolicyEditor
from editorbot.editors.registry import EDITOR_NAMES, editor_named
from editorbot.editors.retarget import RetargetEditor
from editorbot.editors.scored import RulesEditor, ScoredEditor
from editorbot.errors import NotFoundError, UsageError

CLASSES = {
    "keep-all": KeepAllEditor, "scored": ScoredEditor, "scored-rules": RulesEditor, "retarget": RetargetEditor,
    "pointer": PointerEditor, "policy": PolicyEditor,
}  # fmt: skip


def test_every_name_leads_to_its_editor():
    assert {name: type(editor_named(name)) for name in EDITOR_NAMES} == CLASSES
    assert {name: editor.name for name, editor in CLASSES.items()} == {name: name for name in CLASSES}


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
