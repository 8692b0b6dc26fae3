"""Pairs as training examples: mels, pointers and labels from the cache, augmented anew in each epoch if wanted.

Every example depends on the seed, the epoch and its own number only, not on the number of processes. No torch: the
training turns the arrays into tensors.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32, Int8, Int64

from editorbot.analysis.downmix import MonoReader
from editorbot.corpus.augment import (
    Augmentation,
    AugmentSettings,
    augment_sound,
    draw_augmentation,
    moved_beats,
    moved_ops,
    moved_pointers,
)
from editorbot.corpus.cache_files import CacheFolder, read_array
from editorbot.corpus.mel_scan import mel_of
from editorbot.corpus.pairs import POINTER_FOLDER, Pair, find_pairs, pointer_paths
from editorbot.corpus.precache import read_mel, read_pointers
from editorbot.corpus.stem_cache import read_stem_mels
from editorbot.errors import DamagedError, EmptyError, UsageError
from editorbot.recording import open_recording

_AHEAD = 2
"""Examples that each process prepares in advance."""


@dataclass(frozen=True)
class PairExample:
    """One pair."""

    sample: str
    """Its name."""
    raw_mel: Float32[np.ndarray, "128 raw_frames"]
    """Mel of the raw recording, shape=(128, raw frames), in [0, 1]."""
    edit_mel: Float32[np.ndarray, "128 edit_frames"]
    """Mel of the edit, shape=(128, edit frames), in [0, 1]."""
    pointers: Int64[np.ndarray, " edit_frames"]
    """Raw frame of each frame of the edit, shape=(edit frames,); -1 = not from the raw recording."""
    ops: Int8[np.ndarray, " edit_frames"]
    """What happens at each frame of the edit, shape=(edit frames,); see `frame_ops.FrameOp`."""
    beats_s: Float[np.ndarray, " beats"]
    """Beats of the raw recording, shape=(beats,) [seconds]."""
    labels: Int8[np.ndarray, " beats"]
    """1 for each beat that the edit keeps, shape=(beats,)."""
    stem_mels: Float32[np.ndarray, "4 128 raw_frames"] | None = None
    """Mels of drums, bass, vocals, other, if wanted."""
    augmentation: Augmentation | None = None
    """Its augmentation, if any."""


class PairedAudioDataset:
    """The pairs of a data folder that are ready in the cache, which ``editorbot pairs precache`` wrote.

    Parameters
    ----------
    samples : tuple of str
        Names of pairs; all if empty.
    augment : AugmentSettings, optional
        How `example` augments pairs; not at all by default.
    use_stems : bool
        Read the mels of the stems too. Stems are not augmented, so not together with `augment`.

    Raises
    ------
    EmptyError
        If no pair is ready.
    UsageError
        If both `augment` and `use_stems` are wanted.
    """

    def __init__(
        self,
        data_folder: Path,
        cache_folder: Path,
        *,
        samples: tuple[str, ...] = (),
        augment: AugmentSettings | None = None,
        use_stems: bool = False,
    ) -> None:
        if augment is not None and use_stems:
            raise UsageError("stems are not augmented with their pair; leave out augmentation, or the stems")
        self._data, self._cache = data_folder, CacheFolder(cache_folder)
        self._augment, self._use_stems = augment, use_stems
        pairs = find_pairs(data_folder, samples).pairs
        self.pairs: tuple[Pair, ...] = tuple(pair for pair in pairs if self._is_there(pair.sample))
        if not self.pairs:
            raise EmptyError("none of its pairs is in the cache; run: editorbot pairs precache", path=data_folder)

    def _is_there(self, sample: str) -> bool:
        """Whether the files of a pair are there; damage shows when they are read."""
        cache, pointers = self._cache, pointer_paths(self._data / POINTER_FOLDER, sample)
        files = [cache.raw(sample), cache.edit(sample), cache.labels(sample), pointers.pointers, pointers.ops]
        return all(path.is_file() for path in [*files, *([cache.stems_mel(sample)] if self._use_stems else [])])

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> PairExample:
        """Read a pair without augmentation; raise a DamagedError if its entries are damaged or do not fit."""
        pair = self.pairs[index]
        raw, edit = read_mel(self._cache.raw(pair.sample)), read_mel(self._cache.edit(pair.sample))
        if raw is None or edit is None:
            raise self._damaged(pair, "mels")
        pointers = read_pointers(self._data, pair.sample, raw, edit)
        ops = read_array(pointer_paths(self._data / POINTER_FOLDER, pair.sample).ops)
        labels = read_array(self._cache.labels(pair.sample))
        if pointers is None or ops is None:
            raise self._damaged(pair, "pointers")
        if labels is None or labels.dtype != np.int8 or labels.shape != raw.beats_s.shape:
            raise self._damaged(pair, "labels")
        stem_mels = read_stem_mels(self._cache.stems_mel(pair.sample)) if self._use_stems else None
        if self._use_stems and (stem_mels is None or stem_mels.shape[2] != raw.mel.shape[1]):
            raise self._damaged(pair, "stems")
        return PairExample(pair.sample, raw.mel, edit.mel, pointers, ops, raw.beats_s, labels, stem_mels)

    def _damaged(self, pair: Pair, what: str) -> DamagedError:
        command = "stems" if what == "stems" else "precache"
        return DamagedError(
            f"the kept {what} of {pair.sample} are damaged or of another recording; run: editorbot pairs {command}",
            path=self._cache.root,
        )

    def example(self, index: int, rng: np.random.Generator) -> PairExample:
        """Read a pair, with an augmentation drawn by `rng` if the data set has settings for it."""
        example = self[index]
        if self._augment is None:
            return example
        drawn = draw_augmentation(rng, self._augment)
        return example if drawn.is_nothing else self._changed(self.pairs[index], example, drawn)

    def _changed(self, pair: Pair, example: PairExample, drawn: Augmentation) -> PairExample:
        raw_mel = mel_of(augment_sound(_mono(pair.raw), drawn))
        edit_mel = mel_of(augment_sound(_mono(pair.edit), drawn, with_noise=False))
        raw_frames, edit_frames = raw_mel.shape[1], edit_mel.shape[1]
        return PairExample(
            example.sample,
            raw_mel,
            edit_mel,
            moved_pointers(example.pointers, drawn, edit_frames=edit_frames, raw_frames=raw_frames),
            moved_ops(example.ops, drawn, edit_frames=edit_frames),
            moved_beats(example.beats_s, drawn),
            example.labels,
            augmentation=drawn,
        )

    def epoch(self, epoch: int, *, seed: int, workers: int = 1) -> Iterator[PairExample]:
        """Yield every pair once, in an order and with augmentations that depend on seed and epoch only."""
        order = [int(index) for index in np.random.default_rng([seed, epoch]).permutation(len(self))]
        if workers <= 1:
            for index in order:
                yield self._numbered(index, epoch, seed)
            return
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            coming: deque[Future[PairExample]] = deque()
            try:
                for index in order:
                    coming.append(pool.submit(self._numbered, index, epoch, seed))
                    if len(coming) > _AHEAD * workers:
                        yield coming.popleft().result()
                while coming:
                    yield coming.popleft().result()
            finally:
                pool.shutdown(cancel_futures=True)

    def _numbered(self, index: int, epoch: int, seed: int) -> PairExample:
        return self.example(index, np.random.default_rng([seed, epoch, index]))


def _mono(path: Path) -> Float32[np.ndarray, " samples"]:
    """Read the downmix of a file."""
    with open_recording(path) as recording:
        return np.concatenate(list(MonoReader(recording).blocks()))
