"""Learned weights as files: safetensors, and beside them a JSON card that says what they are for.

The card holds the network's shape, which inputs it reads, how it came to be, and how good it is
(``docs/checkpoint-format.md``). Weights for other inputs are refused, and nothing is unpickled.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from editorbot.atomic import write_whole
from editorbot.errors import FormatError, MismatchError, NotFoundError

Tensors = dict[str, Float[np.ndarray, "..."]]
"""Parameters by torch's names."""


@dataclass(frozen=True, eq=False)
class StoredWeights:
    """What a file of weights and its card hold."""

    tensors: Tensors
    """The parameters."""
    card: Mapping[str, Any]
    """The card."""
    digest: str
    """Digest of the file of weights: ``sha256:...``."""


def shipped_weights(name: str) -> Path:
    """Path of weights that ship with the package."""
    return Path(__file__).parent / "pretrained" / f"{name}.safetensors"


def digest_of(path: Path) -> str:
    """Digest a file."""
    return "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()


def read_weights(path: Path, what: str, *, kind: str, same: Mapping[str, object]) -> StoredWeights:
    """Read weights and the card beside them.

    Parameters
    ----------
    path : Path
        The safetensors; the card is the JSON of the same name beside it.
    what : str
        What is wanted, for messages: "a beat network".
    kind : str
        Value that the card's ``format`` must have.
    same : mapping
        Values that other fields of the card must have.

    Raises
    ------
    NotFoundError
        If either file is missing.
    FormatError, MismatchError
        If they cannot be read, are of another kind, or for other inputs.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    if path.is_dir():
        raise NotFoundError(f"this is a folder; name the .safetensors in it: {what} is needed", path=path)
    card_path = path.with_suffix(".json")
    for file in (path, card_path):
        if not file.is_file():
            raise NotFoundError(f"there is no such file; {what} is a .safetensors and its card, a .json", path=file)
    try:
        card = json.loads(card_path.read_text(encoding="utf-8"))
        tensors = load(path.read_bytes())
    except (ValueError, SafetensorError) as error:
        raise FormatError(f"it cannot be read ({error}); train it again", path=path) from error
    check_card(card, card_path, kind=kind, same=same)
    return StoredWeights(tensors, card, digest_of(path))


def check_card(card: Any, path: Path, *, kind: str, same: Mapping[str, object]) -> None:
    """Refuse a card of another kind, or one of weights for other inputs; see :func:`read_weights`."""
    found = card.get("format") if isinstance(card, dict) else None
    if found != kind:
        raise FormatError(f"the card's format must be {kind!r}, but is {found!r}; name other weights", path=path)
    for name, here in same.items():
        if card.get(name) != here:
            message = f"{name} is {card.get(name)!r}, but this version reads {here!r}; train it again"
            raise MismatchError(message, path=path)


def write_weights(path: Path, tensors: Mapping[str, np.ndarray], card: Mapping[str, Any]) -> None:
    """Write weights as they ship: safetensors, and the card beside them as JSON.

    Parameters
    ----------
    path : Path
        Ends in ``.safetensors``.
    tensors : mapping
        Parameters by name.
    card : mapping
        ``format`` and the fields that :func:`read_weights` checks; then what a reader should know: data, seed, command,
        scores, licence.

    Raises
    ------
    OutputError, NoSpaceError
        If they cannot be written.
    """
    from safetensors.numpy import save

    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path.with_suffix(".json"), (json.dumps(card, indent=2, ensure_ascii=False) + "\n").encode())
    write_whole(path, save({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}))


def check_shapes(tensors: Mapping[str, np.ndarray], wanted: Mapping[str, tuple[int, ...]], path: Path) -> None:
    """Refuse tensors of which one is missing, too much, or of another shape than wanted.

    Raises
    ------
    FormatError
        Names the first.
    """
    found = {name: tensor.shape for name, tensor in tensors.items()}
    if found != dict(wanted):
        wrong = min(name for name in {*found, *wanted} if found.get(name) != wanted.get(name))
        raise FormatError(f"tensor {wrong!r} is {found.get(wrong)}, but must be {wanted.get(wrong)}", path=path)
