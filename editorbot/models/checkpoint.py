"""Checkpoints: what a training run leaves behind, as plain data.

A checkpoint is a dictionary of tensors, numbers and strings, so that no code in the file runs when it is read:
`torch.load(..., weights_only=True)`, here and nowhere else. ``docs/checkpoint-format.md`` lists the fields. Torch is
loaded only to read and write.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from editorbot.atomic import write_whole
from editorbot.errors import FormatError, MismatchError, NotFoundError, UnreadableError, VersionError
from editorbot.extras import missing_extra
from editorbot.weights import StoredWeights, digest_of, read_weights

if TYPE_CHECKING:
    from torch import Tensor

FORMAT = "editorbot.checkpoint"
"""Value of the ``format`` field."""

VERSION = 1
"""Version that is written."""


@dataclass(frozen=True)
class Checkpoint:
    """Weights, and all that is needed to use them or to go on training."""

    method: str
    """What was trained: ``scored``, ``bc``, ``ppo``, ``pointer``, ``reconstruct``, ``mel2mel``, ``beats``."""
    config: Mapping[str, Any]
    """The network's and the run's configuration, as JSON types."""
    weights: Mapping[str, Tensor]
    """The network's parameters and buffers."""
    seed: int = 0
    """The run's seed."""
    step: int = 0
    """Epochs or updates done."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """What was measured last."""
    vocabulary: str = ""
    """Digest of the vocabulary of actions or classes; another is refused."""
    features: str = ""
    """Digest of the names of the inputs, in order; another is refused."""
    data: str = ""
    """Digest of the data trained on."""
    code_version: str = ""
    """Version of editorbot."""
    training: Mapping[str, Any] = field(default_factory=dict)
    """State of optimizer, schedule and random generators; empty in what is only to be used."""


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write a checkpoint whole or not at all.

    Raises
    ------
    OutputError, NoSpaceError
        If it cannot be written.
    """
    import torch

    content = {"format": FORMAT, "version": VERSION, **{name: getattr(checkpoint, name) for name in _FIELDS}}
    for name in ("config", "weights", "metrics", "training"):
        content[name] = dict(content[name])
    file = io.BytesIO()
    torch.save(content, file)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, file.getvalue())


def load_checkpoint(
    path: Path,
    *,
    method: str | tuple[str, ...],
    vocabulary: str | None = None,
    features: str | None = None,
    device: str = "cpu",
) -> Checkpoint:
    """Read a checkpoint.

    Parameters
    ----------
    path : Path
        The file.
    method : str or tuple of str
        What it has to have been trained for; one of several.
    vocabulary, features : str, optional
        Digests that it has to bear.
    device : str
        Where the tensors go.

    Raises
    ------
    NotFoundError, UnreadableError
        If there is no such file, or it may not be read.
    FormatError, VersionError
        If it is no whole checkpoint, or one of another version, or holds more than data.
    MismatchError
        If it is of another method, vocabulary or order of features.
    """
    if path.is_dir():
        raise NotFoundError("this is a folder; name the checkpoint in it, best.pt for example", path=path)
    if not path.is_file():
        raise NotFoundError("there is no such checkpoint", path=path)
    content = _read_content(path, device)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise FormatError(f"it is no checkpoint of editorbot: its format must be {FORMAT!r}", path=path)
    if content.get("version") != VERSION:
        raise VersionError(f"it is of version {content.get('version')}, this program reads {VERSION}", path=path)
    missing, unknown = set(_FIELDS) - set(content), set(content) - set(_FIELDS) - {"format", "version"}
    if missing or unknown:
        raise FormatError(f"fields missing: {sorted(missing)}, fields unknown: {sorted(unknown)}", path=path)
    checkpoint = Checkpoint(**{name: content[name] for name in _FIELDS})
    methods = (method,) if isinstance(method, str) else method
    if checkpoint.method not in methods:
        needed = " or ".join(repr(name) for name in methods)
        raise MismatchError(f"its method is {checkpoint.method!r}, but {needed} is needed; name another", path=path)
    for name, here in (("vocabulary", vocabulary), ("features", features)):
        there = getattr(checkpoint, name)
        if here is not None and there != here:
            raise MismatchError(f"its {name} is {there!r}, but {here!r} is needed; train it again", path=path)
    return checkpoint


def read_network(
    path: Path,
    what: str,
    *,
    kind: str,
    same: Mapping[str, object],
    method: str | tuple[str, ...],
    vocabulary: str | None = None,
    features: str | None = None,
) -> StoredWeights:
    """Read a network to use: one that ships, or the checkpoint (``.pt``) of a user's own run.

    Of a checkpoint the card is its configuration, the network's shape under ``config`` as in cards. The parameters are
    those of :func:`editorbot.weights.read_weights` and of :func:`load_checkpoint`.

    Raises
    ------
    MissingExtraError
        If it is a checkpoint, and torch is not installed.
    EditorbotError
        Whatever these two raise.
    """
    if not path.exists():
        raise NotFoundError(f"there is no such file; {what} is a .safetensors or a checkpoint .pt", path=path)
    if path.suffix != ".pt":
        return read_weights(path, what, kind=kind, same=same)
    if find_spec("torch") is None:
        raise missing_extra("learn", "reading a .pt needs torch")
    found = load_checkpoint(path, method=method, vocabulary=vocabulary, features=features)
    tensors = {name: value.float().numpy() for name, value in found.weights.items()}
    return StoredWeights(tensors, {**found.config, "config": found.config.get("model")}, digest_of(path))


def _read_content(path: Path, device: str) -> Any:
    """Load what a file holds, if it is data alone."""
    import torch

    try:
        whole = path.read_bytes()
    except OSError as error:
        raise UnreadableError(f"cannot be read: {error.strerror}", path=path) from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch doubts the file before it refuses it; the error below says why
            return torch.load(io.BytesIO(whole), map_location=device, weights_only=True)
    except Exception as error:
        # Damaged bytes drive an unpickler into any error at all. torch's own words advise to load without protection.
        raise FormatError("it is damaged, no checkpoint, or holds more than data; train it again", path=path) from error


_FIELDS = tuple(Checkpoint.__dataclass_fields__)
