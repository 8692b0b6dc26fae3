"""The main path: read, analyze, edit, render, polish, write.

Read :func:`edit_recording` and :func:`decide` from top to bottom and you have
followed the music through the whole product. Nothing here touches samples.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from editorbot import __version__
from editorbot.analysis import BeatTracker
from editorbot.analysis.analysis import Analysis
from editorbot.analysis.analyze import Progress, analyze, no_progress
from editorbot.analysis.cache import AnalysisCache
from editorbot.analysis.stem_features import add_stem_features
from editorbot.editlist.edit_list import ActionSpan, EditList, PolishStep
from editorbot.editlist.json_format import write_edit_list
from editorbot.editlist.operations import range_from_s
from editorbot.editors.base import Editor, EditRequest, Tightness
from editorbot.editors.registry import LEARNED_NAMES, editor_named
from editorbot.errors import StrictError, TooShortError, UsageError
from editorbot.export import export_edit
from editorbot.from_list import write_track
from editorbot.outputs import OutputPaths, path_from, staged_outputs
from editorbot.polish import Loudness, compare_tone, measure, missed_loudness, prepare_steps
from editorbot.recording import Recording, check_is_there, check_track, open_recording
from editorbot.render.fades import fade_ends
from editorbot.render.joins import refine_joins
from editorbot.render.required_ranges import RequiredRanges
from editorbot.report.report import write_report

CONTROL_EDITOR = "keep-all"
"""The one editor that takes silent and short recordings too."""

NOTICES = ("TIGHTNESS",)
"""Codes of warnings that only say how the edit was made; `--strict` lets them pass."""

LITTLE = 1 / 12
"""An edit that keeps less of a recording than this share, unasked, has probably missed the music."""


@dataclass(frozen=True)
class EditOptions:
    """How a recording is edited."""

    editor: str = "scored"
    """Name of the editor."""
    checkpoint: Path | None = None
    """Weights of a learned editor; the shipped ones by default."""
    request: EditRequest = field(default_factory=EditRequest)
    """Length and ranges that the user asked for."""
    polish: tuple[PolishStep, ...] = ()
    """Tone stages, in order."""
    cache: AnalysisCache | None = None
    """Cache of analyses; None for no cache."""
    beat_tracker: BeatTracker = "embedded"
    """Who finds the beats."""
    copy_short: bool = False
    """Copy a recording that is too short to edit."""
    repair: bool = False
    """Heal short runs of NaN and infinite samples."""
    strict: bool = False
    """Turn every warning into an error."""
    stem_model: str | None = None
    """Separator whose stems fill the last twelve features, for weights that were trained with them; None for none."""
    stem_device: str = "cpu"
    """Torch device of the separator."""
    notes: tuple[str, ...] = ()
    """Lines ``CODE: text`` that the edit list states beside its own warnings."""

    def with_notes(self, *lines: str) -> EditOptions:
        """Add notes."""
        return replace(self, notes=(*self.notes, *lines))


@dataclass(frozen=True)
class Edited:
    """The result of an edit."""

    edit_list: EditList
    """The edit list, as written."""
    analysis: Analysis
    """The analysis that the editor read."""
    tightness: Tightness | None
    """How readily the editor cut; None where its choice does not depend on it."""
    remarks: tuple[str, ...] = ()
    """What the editor says about how the edit came about, a line each."""
    actions: tuple[ActionSpan, ...] = ()
    """The actions that make up the edit, if its editor takes actions."""
    before: Loudness | None = None
    """Loudness of the recording; None in a dry run."""
    after: Loudness | None = None
    """Loudness of the track; None in a dry run."""

    def with_warnings(self, *lines: str) -> Edited:
        """Add warnings to the edit list."""
        return replace(self, edit_list=self.edit_list.with_warnings(*lines))


def edit_recording(
    path: str | os.PathLike[str],
    outputs: OutputPaths,
    options: EditOptions,
    *,
    dry_run: bool = False,
    progress: Progress = no_progress,
) -> Edited:
    """Edit one recording: track, edit list, report and exports.

    Parameters
    ----------
    path : path
        The recording.
    outputs : OutputPaths
        Where the results go, and what they may replace.
    options : EditOptions
        How it is edited.
    dry_run : bool
        Decide, with all checks, and write nothing.
    progress : callable
        Takes the stage's name and its share done.

    Returns
    -------
    edited : Edited
        The edit list with everything that was measured.

    Raises
    ------
    EditorbotError
        One child a mistake; nothing is left half written.
    """
    check_is_there(path)
    outputs.check(path)
    options = options.with_notes(*outputs.warnings)
    with open_recording(path, repair=options.repair) as recording:
        check_track(outputs.track, recording)
        if dry_run:
            return _listed_in(outputs.edit_list, decide(recording, options, progress))
        outputs.make_folder()
        with staged_outputs(outputs) as stage:
            edited = _listed_in(outputs.edit_list, decide(recording, options, progress))
            written = write_track(edited.edit_list, recording, stage.paths.track, force=True, progress=progress)
            edited = edited.with_warnings(*written)
            with open_recording(stage.paths.track) as track:
                edited = _measured(edited, recording, track, progress)
                _check_strict(edited.edit_list, options, recording.path)
                _report(stage.paths.report, edited, recording, track, progress)
            write_edit_list(stage.paths.edit_list, edited.edit_list)
            for name in outputs.exports:
                export_edit(edited.edit_list, name, stage.paths.export(name))
            recording.close()  # before the track may take its place
            stage.commit()
    return edited


def decide(recording: Recording, options: EditOptions, progress: Progress = no_progress) -> Edited:
    """Analyze a recording and decide what is played, without writing anything.

    Raises
    ------
    EditorbotError
        If the recording or the request is impossible; see the children.
    """
    try:
        return _decide(recording, options, progress)
    except TooShortError as error:
        if not options.copy_short:
            raise
        note = f"COPIED: {error.message.removesuffix('; --copy-short copies it')}; it was copied"
        options = replace(options, editor=CONTROL_EDITOR, checkpoint=None).with_notes(note)
        return _decide(recording, options, progress)


def _decide(recording: Recording, options: EditOptions, progress: Progress) -> Edited:
    """Analyze, let the editor decide, and collect what there is to say about it."""
    control = options.editor == CONTROL_EDITOR
    polish = prepare_steps(options.polish)
    stem_model = stem_model_of(options)
    analysis = analyze(
        recording,
        beat_tracker=options.beat_tracker,
        cache=options.cache,
        progress=progress,
        allow_silent=control,
        allow_short=control,
    )
    if stem_model is not None:
        device = options.stem_device
        analysis = add_stem_features(
            analysis, recording, stem_model, device=device, cache=options.cache, progress=progress
        )
    progress("edit", 0.0)
    editor, request = editor_named(options.editor, options.checkpoint), options.request
    edit_list = edit(recording, analysis, request, editor=editor, notes=options.notes)
    edit_list = replace(edit_list, polish=polish).with_warnings(*_request_warnings(edit_list, editor, options))
    progress("edit", 1.0)
    _check_strict(edit_list, options, recording.path)
    tightness = None if "tightness" in editor.ignores else request.tightness
    return Edited(edit_list, analysis, tightness, editor.remarks(analysis, request), editor.actions(analysis, request))


def edit(
    recording: Recording,
    analysis: Analysis,
    request: EditRequest | None = None,
    *,
    editor: Editor | str = "scored",
    notes: Sequence[str] = (),
) -> EditList:
    """Decide what of a recording is played, and refine every join on its samples.

    Parameters
    ----------
    recording : Recording
        The recording, opened.
    analysis : Analysis
        Its analysis.
    request : EditRequest, optional
        Length and ranges wanted; by default the editor decides.
    editor : Editor or str
        An editor, or the name of one.
    notes : sequence of str
        Lines ``CODE: text`` that the edit list states before the warnings of recording and analysis.

    Returns
    -------
    edit_list : EditList
        What `write_track` renders.
    """
    request = request or EditRequest()
    chosen = editor if isinstance(editor, Editor) else editor_named(editor)
    edit_list = chosen.edit(analysis, request)
    keep = tuple(range_from_s(*span, edit_list.source) for span in request.must_keep_s)
    cut = tuple(range_from_s(*span, edit_list.source) for span in request.must_cut_s)
    ranges = RequiredRanges(keep, cut)
    edit_list = fade_ends(refine_joins(edit_list, recording, ranges), ranges)
    made_by = replace(edit_list.made_by, seed=request.seed, version=__version__)
    return replace(edit_list, made_by=made_by).with_warnings(*notes, *recording.warnings, *analysis.warnings)


def stem_model_of(options: EditOptions) -> str | None:
    """Choose the separator of an edit: none where the editor has no weights, which could use stems.

    Raises
    ------
    UsageError
        If stems are wanted, and the editor's weights were trained without them.
    """
    if options.stem_model is None or options.editor not in LEARNED_NAMES:
        return None
    if not editor_named(options.editor, options.checkpoint).uses_stems:
        raise UsageError(
            f"--stems is of no use: the weights of the editor {options.editor} were trained without stems; leave it out"
        )
    return options.stem_model


def _request_warnings(edit_list: EditList, editor: Editor, options: EditOptions) -> Iterator[str]:
    """Yield warnings about wishes that the editor ignores, and about an edit that keeps suspiciously little."""
    request = options.request
    if options.stem_model is not None and editor.name not in LEARNED_NAMES:
        yield f"IGNORED: --stems is for editors with weights; {editor.name} has none, and nothing was separated"
    asked = {"temperature": request.temperature > 0, "vocabulary": request.vocabulary is not None}
    for name in (name for name, is_asked in asked.items() if is_asked and name in editor.ignores):
        yield f"IGNORED: --{name} is for the editor policy; {editor.name} has no use for it"
    has_length = request.target_s is not None or request.keep_ratio is not None
    if (tightness := request.tightness) != "normal":
        if "tightness" in editor.ignores:
            yield f"IGNORED: --tightness {tightness} changes nothing about the editor {editor.name}"
        elif has_length:
            yield f"IGNORED: --tightness {tightness} cannot hold beside a wanted length, which decides how much goes"
        else:
            ordered = " beside what --must-cut asked for" if request.must_cut_s else ""
            cut = f"only talk, noise, silence, tuning and noodling were cut{ordered}, no music"
            yield f"TIGHTNESS: {tightness}: {cut}"
    share = edit_list.output_samples / edit_list.source.samples
    if share < LITTLE and not has_length:
        yield (
            f"LITTLE: only {share:.1%} of the recording is kept; it may be unlike what the editor knows;"
            " --keep-ratio or --target asks for more"
        )


def _listed_in(path: str, edited: Edited) -> Edited:
    """State the source's path as an edit list at `path` does."""
    source = edited.edit_list.source
    source = replace(source, path=path_from(path, source.path))
    return replace(edited, edit_list=replace(edited.edit_list, source=source))


def _check_strict(edit_list: EditList, options: EditOptions, path: str) -> None:
    """Raise StrictError if there is a warning and the user wants none."""
    lines = [line for line in edit_list.warnings if line.partition(":")[0] not in NOTICES]
    if options.strict and lines:
        raise StrictError(f"{lines[0]} (a warning, and --strict makes it an error)", path=path)


def _measured(edited: Edited, recording: Recording, track: Recording, progress: Progress) -> Edited:
    """Add the loudness before and after, and a warning if it is not what was asked for."""
    progress("measure", 0.0)
    before = measure(recording.blocks(), recording.sample_rate, recording.channels)
    progress("measure", 0.5)
    after = measure(track.blocks(), track.sample_rate, track.channels)
    warnings = missed_loudness(edited.edit_list.polish, after.integrated_lufs)
    return replace(edited.with_warnings(*warnings), before=before, after=after)


def _report(path: str, edited: Edited, recording: Recording, track: Recording, progress: Progress) -> None:
    """Write the page."""
    write_report(
        path,
        edited.edit_list,
        edited.analysis,
        recording,
        track=track,
        tone=compare_tone(edited.edit_list, recording, track) if edited.edit_list.polish else None,
        actions=edited.actions,
        loudness_before=edited.before,
        loudness_after=edited.after,
        tightness=edited.tightness,
        progress=lambda share: progress("report", share),
    )
