"""Edits of one jam, from right to ruined, for `reward_ranking`: the truth, whole and damaged, editors, players."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from editorbot.analysis.analysis import Analysis
from editorbot.corpus.truth import Truth
from editorbot.editlist.edit_list import Clip, EditList, Effect, MadeBy
from editorbot.editlist.operations import edit_list_of
from editorbot.editors.base import EditRequest
from editorbot.editors.registry import editor_named
from editorbot.environment.actions import V3, Action
from editorbot.environment.dynamics import EpisodeState, advance, first_state, play_out
from editorbot.environment.episodes import clip_of, transcript_of
from editorbot.environment.masks import Masks, masks_at
from editorbot.environment.material import beat_bounds
from editorbot.environment.spans import span_lengths
from editorbot.errors import EditorbotError

EDITORS = ("keep-all", "retarget", "scored-rules", "scored")
LEVELS = (0.02, 0.05, 0.1, 0.2, 0.35, 0.5)
SHARES = (0.1, 0.3, 0.6)
REPEATS = 2
PIECE_BEATS = 8


@dataclass(frozen=True)
class Tried:
    """One edit, as an episode."""

    kind: str
    """Where it comes from."""
    level: float
    """How much of the truth was damaged, 0 elsewhere."""
    state: EpisodeState
    """Where the episode ended."""
    edit: EditList
    """What it plays."""


def human_kept(analysis: Analysis, truth: Truth) -> np.ndarray:
    """Return the share of each beat that the finished track is made of."""
    bounds_s = beat_bounds(analysis) / analysis.source.sample_rate
    inside_s = np.zeros(len(bounds_s) - 1)
    for segment in truth.segments:
        if segment.kind == "music":
            inside_s += np.clip(
                np.minimum(bounds_s[1:], segment.end_s) - np.maximum(bounds_s[:-1], segment.start_s), 0, None
            )
    return np.clip(inside_s / np.diff(bounds_s), 0.0, 1.0)


def edits_of(analysis: Analysis, truth: Truth, rng: np.random.Generator) -> Iterator[Tried]:
    """Yield all edits of a jam; those of the players come as ``player:TYPE``, those of editors as ``editor:NAME``."""
    kept = human_kept(analysis, truth)
    keep = kept > 0.5
    share = float((kept * np.diff(beat_bounds(analysis))).sum() / analysis.source.samples)
    yield told(analysis, "truth", 0.0, clips_where(analysis, keep))
    for damage in (flipped_beats, flipped_spans, dropped_spans, added_spans, moved_edges):
        for level in LEVELS:
            for _ in range(REPEATS):
                yield told(analysis, damage.__name__, level, clips_where(analysis, damage(keep, level, rng)))
    pieces = clips_where(analysis, keep, PIECE_BEATS)
    for share_hit in SHARES:
        hit = rng.random(len(pieces)) < share_hit
        for kind, clips in treated(pieces, hit, rng).items():
            yield told(analysis, kind, share_hit, clips)
    for name in EDITORS:
        request = EditRequest(keep_ratio=share) if name == "retarget" else EditRequest()
        try:
            edit = editor_named(name).edit(analysis, request)
        except EditorbotError as error:
            print(f"{name}: {error}")
            continue
        yield told(analysis, f"editor:{name}", 0.0, edit.clips)
    yield from players(analysis, rng)


def told(analysis: Analysis, kind: str, level: float, clips: list[Clip] | tuple[Clip, ...]) -> Tried:
    """Return clips as an episode, and what that plays."""
    edit = edit_list_of(analysis.source, list(clips), made_by=MadeBy("reward-ranking"))
    actions = transcript_of(edit, analysis).actions
    return _tried(analysis, kind, level, play_out(actions, span_lengths(analysis).tolist(), V3))


def _tried(analysis: Analysis, kind: str, level: float, state: EpisodeState) -> Tried:
    bounds = beat_bounds(analysis)
    clips = [clip_of(play, V3, bounds) for play in state.all_plays for _ in range(play.times)]
    return Tried(kind, level, state, edit_list_of(analysis.source, clips, made_by=MadeBy("reward-ranking")))


def clips_where(analysis: Analysis, keep: np.ndarray, longest: int = 10**9) -> list[Clip]:
    """Return a clip for each run of beats, in pieces of at most so many beats."""
    bounds = beat_bounds(analysis)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], keep.astype(int), [0]])))
    return [
        Clip(int(bounds[at]), int(bounds[min(at + longest, end)]))
        for first, end in zip(edges[::2], edges[1::2])
        for at in range(first, end, min(longest, end - first))
    ]


def flipped_beats(keep: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
    """Single beats in or out by mistake."""
    wrong = rng.choice(len(keep), round(level * len(keep)), replace=False)
    keep = keep.copy()
    keep[wrong] ^= True
    return something(keep)


def flipped_spans(keep: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
    """Stretches in or out by mistake."""
    return _spans(keep, level, rng, lambda part: ~part, None)


def dropped_spans(keep: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
    """Stretches of the song left out."""
    return _spans(keep, level, rng, np.zeros_like, True)


def added_spans(keep: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
    """Stretches of junk left in."""
    return _spans(keep, level, rng, np.ones_like, False)


def _spans(
    keep: np.ndarray,
    level: float,
    rng: np.random.Generator,
    change: Callable[[np.ndarray], np.ndarray],
    begin_at: bool | None,
) -> np.ndarray:
    keep, done = keep.copy(), 0
    while done < round(level * len(keep)):
        places = np.arange(len(keep)) if begin_at is None else np.flatnonzero(keep == begin_at)
        if len(places) < 16:
            break
        first, length = int(rng.choice(places)), int(rng.integers(4, 33))
        keep[first : first + length] = change(keep[first : first + length])
        done += length
    return something(keep)


def moved_edges(keep: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
    """Every cut too early or too late, by up to tens of beats."""
    edges = np.flatnonzero(np.diff(keep.astype(int))) + 1
    moved = np.sort(np.clip(edges + rng.normal(0, level * 80, len(edges)).astype(int), 0, len(keep)))
    inside = np.searchsorted(moved, np.arange(len(keep)), side="right") % 2
    return something(keep[0] ^ (inside > 0))


def something(keep: np.ndarray) -> np.ndarray:
    """Return beats to keep, at least one."""
    keep = keep.copy()
    keep[0] |= not keep.any()
    return keep


def treated(pieces: list[Clip], hit: np.ndarray, rng: np.random.Generator) -> dict[str, list[Clip]]:
    """Return the truth with some of its pieces treated, played twice, or in another order."""
    order = np.arange(len(pieces))
    order[hit] = rng.permutation(order[hit])

    def changed(**fields: object) -> list[Clip]:
        return [replace(clip, **fields) if is_hit else clip for clip, is_hit in zip(pieces, hit)]

    return {
        "reversed": changed(reverse=True),
        "distorted": changed(effects=(Effect("DISTORTION", 0.35),)),
        "faster": changed(speed=1.12),
        "repeated": [clip for clip, is_hit in zip(pieces, hit) for clip in [clip] * (1 + int(is_hit))],
        "shuffled": [pieces[k] for k in order],
    }


def players(analysis: Analysis, rng: np.random.Generator) -> Iterator[Tried]:
    """Yield what each player that knows one type alone makes of it, and what chance makes of it."""
    lengths = span_lengths(analysis).tolist()
    choosers: list[tuple[str, Callable[[Masks], Action]]] = [
        (f"player:{row.name}", lambda masks, kind=kind: one_type(masks, kind)) for kind, row in enumerate(V3.rows)
    ]
    choosers += [("player:random", lambda masks: any_open(masks, rng))] * 3
    for kind, choose in choosers:
        state = first_state(len(lengths), V3)
        while not (state.is_over or state.is_truncated):
            state = advance(state, choose(masks_at(state, lengths[state.cursor], V3)), lengths[state.cursor], V3)
        if state.all_plays:
            yield _tried(analysis, kind, 0.0, state)


def one_type(masks: Masks, kind: int) -> Action:
    """Return the type with its longest size and first amount; KEEP of a beat where it is closed."""
    if not masks.type[kind]:
        return Action(0, 0, 0)
    return Action(kind, int(np.flatnonzero(masks.size[kind])[-1]), int(np.flatnonzero(masks.amount[kind])[0]))


def any_open(masks: Masks, rng: np.random.Generator) -> Action:
    """Return any open action."""
    kind = int(rng.choice(np.flatnonzero(masks.type)))
    sizes, amounts = np.flatnonzero(masks.size[kind]), np.flatnonzero(masks.amount[kind])
    return Action(kind, int(rng.choice(sizes)), int(rng.choice(amounts)))
