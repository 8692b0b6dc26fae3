"""The separator Demucs, by its own package, from safetensors alone.

A name is ``hf://htdemucs`` (fetched from the model hub at first use) or a ``.safetensors`` file. A bare name is
refused: the package would fall back to weights that are unpickled, and pickles run code. For the same reason the
classes that a file names are checked before anything is made of them.

References
----------
https://github.com/adefossez/demucs, version 4.1: `demucs.hf`, `demucs.apply`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from editorbot.analysis.stems import STEM_NAMES
from editorbot.errors import EditorbotError, FormatError, MismatchError, MissingExtraError, NotFoundError, UsageError
from editorbot.extras import missing_extra

HUB = "hf://"
"""Prefix of names of the model hub."""
DEFAULT_MODEL = "hf://htdemucs"
"""The model that is used unless another is named."""

_KLASSES = ("demucs.htdemucs.HTDemucs", "demucs.hdemucs.HDemucs", "demucs.demucs.Demucs")
"""Classes that a file may name; anything else in its header is never called."""
_ENDING = ".safetensors"


class DemucsSeparator:
    """A Demucs model, or a bag of them, as a `stems.Separator`.

    Parameters
    ----------
    name : str
        ``hf://NAME``, ``hf://OWNER/NAME`` or the path of a ``.safetensors`` file.
    device : str
        A torch device, ``cpu`` or ``cuda``.

    Raises
    ------
    UsageError
        If the name is neither.
    NotFoundError, FormatError, MismatchError
        If the file is not there, is no Demucs model in safetensors, or does not separate the four stems in stereo.
    MissingExtraError
        If the package is not installed, or the weights cannot be fetched.
    """

    def __init__(self, name: str = DEFAULT_MODEL, *, device: str = "cpu") -> None:
        check_model_name(name)
        bag = _load(name)
        if missing := [stem for stem in STEM_NAMES if stem not in bag.sources]:
            raise MismatchError(f"the model gives {', '.join(bag.sources)}, but no {missing[0]}", path=name)
        if bag.audio_channels != 2:
            raise MismatchError(f"the model takes {bag.audio_channels} channels, but stems are stereo", path=name)
        bag.eval().to(device)
        self._bag, self._device = bag, device
        self._segment_s = min(float(model.segment) for model in bag.models)
        self.name = name
        self.sample_rate = int(bag.samplerate)
        self.segment_samples = int(self._segment_s * self.sample_rate)

    def separate(self, mix: Float32[np.ndarray, "2 samples"]) -> Float32[np.ndarray, "4 2 samples"]:
        """Separate at most `segment_samples` samples into stems in the order of STEM_NAMES.

        Other stems of a model, a piano for example, are added to the rest.
        """
        import torch
        from demucs.apply import apply_model

        # No random shift: the same mix, the same stems.
        sources = apply_model(
            self._bag, torch.from_numpy(mix)[None], shifts=0, split=False, device=self._device, segment=self._segment_s
        )
        by_name = dict(zip(self._bag.sources, sources[0].cpu().numpy()))
        stems = np.stack([by_name.pop(name) for name in STEM_NAMES])
        for extra in by_name.values():
            stems[STEM_NAMES.index("other")] += extra
        return np.asarray(stems, dtype=np.float32)


def check_model_name(name: str) -> None:
    """Refuse names of anything but safetensors.

    Raises
    ------
    UsageError
        If it is a bare name, or a file of another kind.
    """
    if not (name.startswith(HUB) and len(name) > len(HUB)) and not name.endswith(_ENDING):
        raise UsageError(
            f"the stem model {name!r} would be unpickled, which runs code of strangers;"
            f" name one of the hub, {DEFAULT_MODEL} for example, or a {_ENDING} file"
        )


def _load(name: str) -> Any:
    """Load a bag of models."""
    try:
        from demucs.apply import BagOfModels
    except ImportError as error:
        raise missing_extra("stems", f"stems need the package demucs ({error})") from error
    if not name.startswith(HUB):
        return BagOfModels([_load_file(Path(name))])
    try:
        return _load_from_hub(name.removeprefix(HUB))
    except EditorbotError:
        raise
    except (OSError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise MissingExtraError(
            f"the weights of {name} cannot be fetched ({reason}), which is done once, at first use:"
            f" connect to the network and try again, name a {_ENDING} file, or work without stems"
        ) from error


def _load_from_hub(name: str) -> Any:
    """Fetch a bag and the models in it; `demucs.hf.get_hf_model`, with each file checked before it is used."""
    import yaml
    from demucs.apply import BagOfModels
    from demucs.hf import DEFAULT_NAMESPACE, hf_repo_name
    from huggingface_hub import hf_hub_download

    owner, _, model = name.rpartition("/")
    repo = f"{owner or DEFAULT_NAMESPACE}/{hf_repo_name(model)}"
    bag = yaml.safe_load(Path(hf_hub_download(repo, f"{model}.yaml")).read_text(encoding="utf-8"))
    models = [_load_file(Path(hf_hub_download(repo, f"{part}{_ENDING}"))) for part in bag["models"]]
    return BagOfModels(models, bag.get("weights"), bag.get("segment"))


def _load_file(path: Path) -> Any:
    """Load a model from a file whose header names nothing but a class of Demucs."""
    from demucs.hf import load_safetensors_model
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise NotFoundError("there is no such file", path=path)
    try:
        with safe_open(str(path), framework="numpy") as file:
            header = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise FormatError(f"it is no whole safetensors file ({error})", path=path) from error
    if header.get("klass") not in _KLASSES:
        raise FormatError(f"its class must be one of {', '.join(_KLASSES)}, but is {header.get('klass')!r}", path=path)
    if "structure" in header:
        raise FormatError("its weights are packed, which may name code to run; use a model without", path=path)
    try:
        return load_safetensors_model(path)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise FormatError(
            f"its weights do not fit its class ({' '.join(str(error).split())[:200]})", path=path
        ) from error
