"""Weights and their cards: what is read, and what is refused."""

import hashlib
import json
from dataclasses import dataclass

import numpy as np
import pytest
from safetensors.numpy import save_file

from editorbot.config import config_of
from editorbot.errors import FormatError, MismatchError, NotFoundError
from editorbot.weights import check_shapes, read_weights


@dataclass(frozen=True)
class Shape:
    width: int
    dilations: tuple[int, ...] = (1, 2)

    def __post_init__(self):
        if self.width < 1:
            raise ValueError("width must be positive")


TENSORS = {"enter.weight": np.ones((3, 2), np.float32), "enter.bias": np.zeros(3, np.float32)}
CARD = {"format": "test", "inputs_version": 2, "config": {"width": 3, "dilations": [1, 4]}}


@pytest.fixture
def path(tmp_path):
    save_file(TENSORS, tmp_path / "net.safetensors")
    (tmp_path / "net.json").write_text(json.dumps(CARD))
    return tmp_path / "net.safetensors"


def test_tensors_card_and_digest_are_read(path):
    stored = read_weights(path, "a net", kind="test", same={"inputs_version": 2})
    assert {name: value.shape for name, value in stored.tensors.items()} == {"enter.weight": (3, 2), "enter.bias": (3,)}
    assert stored.digest == "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()
    assert config_of(Shape, stored.card["config"], path) == Shape(3, (1, 4))


@pytest.mark.parametrize("missing", ["net.safetensors", "net.json"])
def test_what_is_missing_is_named(path, missing):
    (path.parent / missing).unlink()
    with pytest.raises(NotFoundError, match=rf"{missing}: there is no such file; a net is a"):
        read_weights(path, "a net", kind="test", same={})


def test_a_folder_is_called_one(tmp_path):
    with pytest.raises(NotFoundError, match="this is a folder; name the"):
        read_weights(tmp_path, "a net", kind="test", same={})


@pytest.mark.parametrize(
    ("file", "content", "error", "said"),
    [
        ("net.safetensors", b"nonsense", FormatError, "train it again"),
        ("net.json", b"{", FormatError, "train it again"),
        ("net.json", b"[]", FormatError, "format must be 'test'"),
        ("net.json", b'{"format": "other"}', FormatError, "format must be 'test', but is 'other'"),
        ("net.json", b'{"format": "test", "inputs_version": 1}', MismatchError, "inputs_version is 1, but"),
    ],
)
def test_what_is_damaged_or_for_other_inputs_is_refused(path, file, content, error, said):
    (path.parent / file).write_bytes(content)
    with pytest.raises(error, match=said):
        read_weights(path, "a net", kind="test", same={"inputs_version": 2})


@pytest.mark.parametrize("told", [None, [], {"width": 3}, {"width": 3, "dilations": [1], "more": 1}])
def test_a_shape_has_all_its_fields_and_no_other(path, told):
    with pytest.raises(FormatError, match="exactly the fields"):
        config_of(Shape, told, path)


def test_a_shape_that_its_class_refuses_is_told(path):
    with pytest.raises(FormatError, match="width must be positive"):
        config_of(Shape, {"width": 0, "dilations": [1]}, path)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"enter.weight": (3, 2)}, r"'enter.bias' is \(3,\), but must be None"),
        ({"enter.weight": (3, 4), "enter.bias": (3,)}, r"'enter.weight' is \(3, 2\), but must be \(3, 4\)"),
        ({"enter.weight": (3, 2), "enter.bias": (3,), "leave": (1,)}, r"'leave' is None, but must be \(1,\)"),
    ],
)
def test_the_first_wrong_tensor_is_named(path, wanted, said):
    check_shapes(TENSORS, {name: value.shape for name, value in TENSORS.items()}, path)
    with pytest.raises(FormatError, match=said):
        check_shapes(TENSORS, wanted, path)
