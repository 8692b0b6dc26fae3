"""The main path: read, analyze, edit, render, polish, write.

Read :func:`decide` and :func:`edit_recording` from top to bottom and you have
followed the music through the whole product. Nothing here touches samples.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from editorbot import __version__
from editorbot.analysis.analysis import Analysis
from editorbot.analysis.analyze import Progress, analyze, no_progress
from editorbot.analysis.cache import AnalysisCache
from editorbot.analysis.stem_columns import hear_demucs
from editorbot.editlist.action_span import ActionSpan
from editorbot.editlist.edit_list import EditList, PolishStep, Source, cut_ranges
from editorbot.editlist.json_format import write_edit_list
from editorbot.editlist.operations import range_from_s
from editorbot.editors.base import EditRequest
from editorbot.editors.registry import LEARNED_NAMES, editor_named
from editorbot.errors import StrictError, UsageError
from editorbot.export import export_edit
from editorbot.from_list import write_track
from editorbot.outputs import OutputPaths, path_from, staged_outputs
from editorbot.polish import Loudness, compare_tone, measure, missed_loudness, prepare_steps
from editorbot.recording import Recording, check_is_there, open_recording
from editorbot.render.ends import fade_ends
from editorbot.render.joins import settle_joins
from editorbot.render.pins import Pins
from editorbot.render.render import BLOCK_SAMPLES
from editorbot.report.report import write_report

CONTROL_EDITOR = "keep-all"
"""The one editor that takes silent and short recordings too."""

ACTING_EDITOR = "policy"
"""The one that draws steps from a vocabulary."""

NO_CHOICE_EDITORS = ("keep-all", "retarget")
"""Those that do not decide by what is heard, so that no tightness changes them."""

NOTICES = ("TIGHTNESS",)
"""Codes of warnings that only say how the edit was made; `--strict` lets them pass."""

LITTLE = 1 / 12
"""Who keeps less than this share of a recording, unasked, has hardly found the music."""


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
    """Where analyses are kept; None keeps none."""
    repair: bool = False
    """Heal short runs of samples that are no numbers."""
    strict: bool = False
    """Turn every warning into an error."""
    stem_model: str | None = None
    """Separator whose stems fill the last twelve features, for weights that were trained with them; None for none."""
    stem_device: str = "cpu"
    """Torch device that it runs on."""
    notes: tuple[str, ...] = ()
    """Lines ``CODE: text`` that the edit list states beside its own warnings."""

    def with_notes(self, *lines: str) -> EditOptions:
        """Return them with more notes."""
        return replace(self, notes=(*self.notes, *lines))


@dataclass(frozen=True)
class Edited:
    """What an edit gave."""

    edit_list: EditList
    """The settled edit list, as written."""
    analysis: Analysis
    """What the editor knew."""
    before: Loudness | None = None
    """Loudness of the recording; None in a dry run."""
    after: Loudness | None = None
    """Loudness of the track; None in a dry run."""
    told: tuple[str, ...] = ()
    """What the editor tells of how the edit came about, a line each."""
    actions: tuple[ActionSpan, ...] = ()
    """The actions that the edit is made of, where its editor takes actions."""

    def listed_in(self, path: str) -> Edited:
        """Return it with its source's path as a list at `path` states it."""
        source = self.edit_list.source
        return replace(
            self, edit_list=replace(self.edit_list, source=replace(source, path=path_from(path, source.path)))
        )

    @property
    def cut_ranges(self) -> tuple[tuple[int, int], ...]:
        """What of the recording is not played [samples]."""
        return cut_ranges(self.edit_list)


def decide(recording: Recording, options: EditOptions, progress: Progress = no_progress) -> Edited:
    """Return what would be played, without writing anything.

    Raises
    ------
    EditorbotError
        If the recording or the request is impossible; see the children.
    """
    control = options.editor == CONTROL_EDITOR
    polish = prepare_steps(options.polish)
    stem_model = stem_model_of(options)
    analysis = analyze(recording, cache=options.cache, progress=progress, allow_silent=control, allow_short=control)
    if stem_model is not None:
        device = options.stem_device
        analysis = hear_demucs(analysis, recording, stem_model, device=device, cache=options.cache, progress=progress)
    progress("edit", 0.0)
    editor = editor_named(options.editor, options.checkpoint)
    edit_list = editor.edit(analysis, options.request)
    pins = pins_of(options.request, edit_list.source)
    edit_list = fade_ends(settle_joins(edit_list, recording, pins), pins)
    made_by = replace(edit_list.made_by, seed=options.request.seed, version=__version__)
    edit_list = replace(edit_list, made_by=made_by, polish=polish)
    said = (*options.notes, *recording.warnings, *analysis.warnings, *_remarks(edit_list, options))
    edit_list = edit_list.with_warnings(*said)
    progress("edit", 1.0)
    _check_strict(edit_list, options, recording.path)
    told, actions = editor.told(analysis, options.request), editor.actions(analysis, options.request)
    return Edited(edit_list, analysis, told=told, actions=actions)


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


def _remarks(edit_list: EditList, options: EditOptions) -> Iterator[str]:
    """Yield warnings about what was asked for in vain, and about an edit that can hardly be meant."""
    request = options.request
    if options.stem_model is not None and options.editor not in LEARNED_NAMES:
        yield f"IGNORED: --stems is for editors with weights; {options.editor} has none, and nothing was separated"
    if options.editor != ACTING_EDITOR:
        asked = {"--temperature": request.temperature > 0, "--vocabulary": request.vocabulary is not None}
        for flag in (flag for flag, is_asked in asked.items() if is_asked):
            yield f"IGNORED: {flag} is for the editor {ACTING_EDITOR}; {options.editor} has no use for it"
    if request.tightness != "normal":
        yield _tightness_line(options)
    share = edit_list.output_samples / edit_list.source.samples
    if share < LITTLE and request.target_s is None and request.keep_ratio is None:
        yield (
            f"LITTLE: only {share:.1%} of the recording is kept; it may be unlike what the editor knows;"
            " --keep-ratio or --target asks for more"
        )


def _tightness_line(options: EditOptions) -> str:
    """Return the warning that says what a tightness other than the default one did."""
    request, tightness = options.request, options.request.tightness
    if options.editor in NO_CHOICE_EDITORS:
        return f"IGNORED: --tightness {tightness} changes nothing about the editor {options.editor}"
    if request.target_s is not None or request.keep_ratio is not None:
        return f"IGNORED: --tightness {tightness} cannot hold beside a wanted length, which decides how much goes"
    ordered = " beside what --must-cut asked for" if request.must_cut_s else ""
    return f"TIGHTNESS: {tightness}: only talk, noise, silence, tuning and noodling were cut{ordered}, no music"


def pins_of(request: EditRequest, source: Source) -> Pins:
    """Return the ranges that the user asked for, in samples."""
    keep = tuple(range_from_s(*span, source) for span in request.must_keep_s)
    cut = tuple(range_from_s(*span, source) for span in request.must_cut_s)
    return Pins(keep, cut)


def _check_strict(edit_list: EditList, options: EditOptions, path: str) -> None:
    """Raise StrictError if there is a warning and the user wants none."""
    lines = [line for line in edit_list.warnings if line.partition(":")[0] not in NOTICES]
    if options.strict and lines:
        raise StrictError(f"{lines[0]} (a warning, and --strict makes it an error)", path=path)


def edit_recording(
    path: str | os.PathLike[str],
    outputs: OutputPaths,
    options: EditOptions,
    *,
    force: bool = False,
    in_place: bool = False,
    exports: Sequence[str] = (),
    progress: Progress = no_progress,
) -> Edited:
    """Edit one recording: track, edit list, report and exports.

    Parameters
    ----------
    path : path
        The recording.
    outputs : OutputPaths
        Where the results go.
    options : EditOptions
        How it is edited.
    force : bool
        Replace results that are there already.
    in_place : bool
        Allow the track to replace the recording.
    exports : sequence of str
        Formats for other programs, `editorbot.export.EXPORT_NAMES`.
    progress : callable
        Told the stage and its share done.

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
    outputs.check(path, exports=exports, force=force, in_place=in_place)
    outputs.make_folder()
    options = options.with_notes(*outputs.warnings)
    stages = staged_outputs(outputs, exports, force=force, in_place=in_place)
    with open_recording(path, repair=options.repair) as recording, stages as stage:
        outputs.check_holds(recording)
        edited = decide(recording, options, progress)
        edited = edited.listed_in(outputs.edit_list)
        written = write_track(edited.edit_list, recording, stage.paths.track, progress)
        edited = replace(edited, edit_list=edited.edit_list.with_warnings(*written))
        with open_recording(stage.paths.track) as rendered:
            edited = _measured(edited, recording, rendered, progress)
            _check_strict(edited.edit_list, options, recording.path)
            tightness = None if options.editor in NO_CHOICE_EDITORS else options.request.tightness
            _report(stage.paths.report, edited, recording, rendered, progress, tightness)
        write_edit_list(stage.paths.edit_list, edited.edit_list)
        for name in exports:
            export_edit(edited.edit_list, name, stage.paths.export(name))
        recording.close()  # before its place may be taken
        stage.commit()
    return edited


def _report(
    path: str, edited: Edited, recording: Recording, track: Recording, progress: Progress, tightness: str | None
) -> None:
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
        tightness=tightness,
        progress=lambda share: progress("report", share),
    )


def plan_edit(
    path: str | os.PathLike[str],
    outputs: OutputPaths,
    options: EditOptions,
    *,
    force: bool = False,
    in_place: bool = False,
    exports: Sequence[str] = (),
    progress: Progress = no_progress,
) -> Edited:
    """Decide as `edit_recording` does, with all its checks, and write nothing."""
    check_is_there(path)
    outputs.check(path, exports=exports, force=force, in_place=in_place)
    with open_recording(path, repair=options.repair) as recording:
        outputs.check_holds(recording)
        return decide(recording, options.with_notes(*outputs.warnings), progress).listed_in(outputs.edit_list)


def copying(options: EditOptions, why: str) -> EditOptions:
    """Return options that copy a recording too short to edit, with a warning that says `why`."""
    return replace(options, editor=CONTROL_EDITOR).with_notes(f"COPIED: {why}; it was copied")


def _measured(edited: Edited, recording: Recording, track: Recording, progress: Progress) -> Edited:
    """Return it with the loudness before and after, and a warning where that is not what was asked for."""
    progress("measure", 0.0)
    before = _loudness(recording)
    progress("measure", 0.5)
    after = _loudness(track)
    said = missed_loudness(edited.edit_list.polish, after.integrated_lufs)
    return replace(edited, edit_list=edited.edit_list.with_warnings(*said), before=before, after=after)


def _loudness(recording: Recording) -> Loudness:
    """Measure a whole file."""
    starts = range(0, recording.samples, BLOCK_SAMPLES)
    blocks = (recording.read_native(start, min(start + BLOCK_SAMPLES, recording.samples)) for start in starts)
    return measure(blocks, recording.sample_rate, recording.channels)
