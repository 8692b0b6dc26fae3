"""``editorbot edit``: recordings in, tracks out."""

from __future__ import annotations

import json
import math
import os
import sys
import traceback
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from editorbot.analysis import BeatTracker
from editorbot.cli.arguments import FILE, FILES, ExportName
from editorbot.cli.progress import progress_bar
from editorbot.editors import EditorName
from editorbot.errors import ExistsError, NotFoundError, TargetError, UsageError, as_one_line, printable
from editorbot.timebase import clock, parse_clock

if TYPE_CHECKING:
    from editorbot.editlist.edit_list import PolishStep
    from editorbot.outputs import OutputPaths
    from editorbot.pipeline import Edited, EditOptions

AUDIO_ENDINGS = (
    ".wav", ".wave", ".rf64", ".w64", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".m4a", ".aac", ".mp4", ".aif",
    ".aiff", ".aifc", ".au", ".caf", ".wma", ".mka", ".webm",
)  # fmt: skip
"""Files that count as recordings in a folder; a file given by name is judged by its content."""

RANGES = tyro.conf.arg(metavar="FROM-TO ...")


@dataclass(frozen=True)
class Edit:
    """Edit recordings: writes the track, the edit list and a report."""

    files: Annotated[tyro.conf.Positional[tuple[str, ...]], FILES]
    """Recordings, or folders of recordings. Put a name that starts with - after --."""
    output: Annotated[str | None, FILE] = None
    """Where the track goes: a file (out.wav gives out.json and out.html too), or a folder. By default NAME.edited.wav
    beside the recording."""
    editor: EditorName = "scored"
    """How to decide what is played. scored, pointer and policy are learned, scored-rules and retarget are not, keep-all
    cuts nothing. Example: --editor pointer."""
    checkpoint: Annotated[str | None, FILE] = None
    """Weights that you trained yourself, in place of the ones that ship. Example: models/scored/scored.safetensors."""
    target: Annotated[str | None, tyro.conf.arg(metavar="LENGTH")] = None
    """Length of the track. By default the editor decides. Example: --target 3:30."""
    keep_ratio: Annotated[float | None, tyro.conf.arg(metavar="SHARE")] = None
    """Length of the track as a share of the recording's. By default the editor decides. Example: --keep-ratio 0.5."""
    must_keep: Annotated[tuple[str, ...], RANGES] = ()
    """Ranges that stay in any case. Example: --must-keep 1:20-1:45 3:00-3:10."""
    must_cut: Annotated[tuple[str, ...], RANGES] = ()
    """Ranges that go in any case. Example: --must-cut 0:00-0:30."""
    tightness: Literal["gentle", "normal"] = "normal"
    """How readily music is cut. gentle cuts only talk, noise, silence, tuning and noodling, and keeps everything that
    the band plays: for a finished song or a live set."""
    polish: tuple[Literal["none", "loudness", "reference", "mel2mel", "reconstruct"], ...] = ("none",)
    """Changes of tone after the arrangement, in order; loudness comes last. reconstruct and mel2mel are learned.
    Example: --polish reconstruct loudness."""
    polish_amount: float = 1.0
    """How strong the polish is, from 0 to 1. Example: --polish-amount 0.5."""
    reference: Annotated[str | None, FILE] = None
    """A finished track to match in tone and level; implies --polish reference. Example: --reference album/song.flac."""
    polish_checkpoint: Annotated[str | None, FILE] = None
    """Weights of reconstruct or mel2mel that you trained yourself, in place of the ones that ship."""
    beat_tracker: BeatTracker = "embedded"
    """Who finds beats and bars: the network that ships, or the package beat-this (slower; needs the extra beats)."""
    stems: bool = False
    """Separate drums, bass, vocals and the rest first, for weights of your own that were trained with stems; those that
    ship were not. Needs the extra stems, and minutes."""
    stem_model: str = "hf://htdemucs"
    """What separates them: a Demucs model of the hub, or a .safetensors file."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where stems are separated; all else is computed on the CPU."""
    export: tuple[ExportName, ...] = ()
    """Files to write beside the track: labels for audacity, a project for reaper, a picture of where the clips come
    from. Example: --export reaper audacity."""
    seed: int = 0
    """Seed of an editor that draws at random: policy at a temperature above 0. The same seed gives the same edit."""
    vocabulary: Literal["v1", "v2", "v3"] | None = None
    """Types of action that the weights of the editor policy must have; others are refused. By default any will do."""
    temperature: float = 0.0
    """How freely the editor policy draws its actions: 0 takes the likeliest, 1 draws as it learned, more is bolder."""
    force: bool = False
    """Replace results that exist."""
    in_place: bool = False
    """Replace the recording by the track. The edit list cannot be rendered again then: its source is gone."""
    copy_short: bool = False
    """Copy recordings shorter than 2 s, which cannot be edited, instead of refusing them."""
    dry_run: bool = False
    """Print what would be done, and write nothing."""
    repair: bool = False
    """Heal runs of up to 10 ms of NaN or infinite samples."""
    strict: bool = False
    """Treat warnings as errors."""
    no_cache: bool = False
    """Neither read nor write the cache of analyses."""
    json: bool = False
    """Print the results as JSON."""
    debug: bool = False
    """Print the whole traceback of an error."""

    def run(self) -> int:
        """Edit every recording, and return the exit code."""
        from editorbot.analysis.trackers import check_tracker
        from editorbot.pipeline import stem_model_of

        if not self.files:
            raise UsageError("no recording was given; write editorbot edit FILE")
        options = self._options()
        stem_model_of(options)  # a request that makes no sense is refused before any file is read
        check_tracker(self.beat_tracker)
        print(f"device: {options.stem_device}", file=sys.stderr)
        files = list_recordings(self.files)
        many = len(files) > 1 or any(os.path.isdir(name) for name in self.files)
        if many and self.output is not None:
            _check_folder(self.output, len(files))
        taken: dict[str, str] = {}
        results = []
        for path in files:
            results.append(self._edit_or_error(path, options, many, taken))
            if not self.json and results[-1]["exit_code"] == 0:
                print(_lines(results[-1]), flush=True)
        if self.json:
            print(json.dumps(results if many else results[0], indent=2))
        elif many:
            counts = Counter(result.get("error", "edited") for result in results)
            print(f"{len(results)} recordings: " + ", ".join(f"{count} {name}" for name, count in counts.items()))
        return next((result["exit_code"] for result in results if result["exit_code"]), 0)

    def _edit_or_error(self, path: str, options: EditOptions, many: bool, taken: dict[str, str]) -> dict[str, Any]:
        """Edit one recording, and return its part of the summary."""
        try:
            return {"file": path, "exit_code": 0, **self._edit(path, options, many, taken)}
        except Exception as error:
            if not many:
                raise
            if self.debug:
                traceback.print_exc()
            # A bug that one recording brings out must not take the others of the batch with it.
            known = as_one_line(error)
            known.path = known.path or path
            print(known, file=sys.stderr)
            return {"file": path, "exit_code": known.exit_code, "error": known.code, "message": known.message}

    def _edit(self, path: str, options: EditOptions, many: bool, taken: dict[str, str]) -> dict[str, Any]:
        """Edit one recording; `taken` maps each track of the batch to its recording, and is added to."""
        from editorbot.outputs import output_paths
        from editorbot.pipeline import edit_recording

        outputs = output_paths(
            path, self.output, exports=self.export, force=self.force, in_place=self.in_place, many=many
        )
        _claim(outputs.track, path, taken)
        with progress_bar(printable(os.path.basename(path))) as progress:
            edited = edit_recording(path, outputs, options, dry_run=self.dry_run, progress=progress)
        for line in edited.edit_list.warnings:
            print(f"warning: {printable(path)}: {line}", file=sys.stderr)
        return _summary(edited, None if self.dry_run else outputs)

    def _options(self) -> EditOptions:
        """Make the pipeline's options of the flags."""
        from editorbot.analysis.cache import AnalysisCache
        from editorbot.analysis.demucs import check_model_name
        from editorbot.cli.devices import device_named
        from editorbot.editors.base import EditRequest
        from editorbot.pipeline import EditOptions

        check_model_name(self.stem_model)
        request = EditRequest(
            target_s=None if self.target is None else parse_clock(self.target),
            keep_ratio=self.keep_ratio,
            must_keep_s=tuple(parse_range(text) for text in self.must_keep),
            must_cut_s=tuple(parse_range(text) for text in self.must_cut),
            tightness=self.tightness,
            seed=self.seed,
            temperature=self.temperature,
            vocabulary=self.vocabulary,
        )
        return EditOptions(
            editor=self.editor,
            checkpoint=None if self.checkpoint is None else Path(self.checkpoint),
            request=request,
            polish=self._polish_steps(),
            cache=None if self.no_cache else AnalysisCache.of_user(),
            beat_tracker=self.beat_tracker,
            copy_short=self.copy_short,
            repair=self.repair,
            strict=self.strict,
            stem_model=self.stem_model if self.stems else None,
            stem_device=device_named(self.device) if self.stems else "cpu",
        )

    def _polish_steps(self) -> tuple[PolishStep, ...]:
        """Make the steps of the polish; the one that sets the level comes last."""
        from editorbot.editlist.edit_list import PolishStep

        if not 0 <= self.polish_amount <= 1:
            raise UsageError(f"--polish-amount must be from 0 to 1, but is {self.polish_amount}")
        names = [name for name in self.polish if name != "none"]
        if self.reference is not None and "reference" not in names:
            names.append("reference")
        if self.reference is None and "reference" in names:
            raise UsageError("--polish reference needs --reference TRACK, a finished track whose tone you like")
        names.sort(key=lambda name: name == "loudness")
        learned = [name for name in names if name in ("mel2mel", "reconstruct")]
        if self.polish_checkpoint is not None and len(set(learned)) != 1:
            raise UsageError("--polish-checkpoint goes with one learned stage: --polish reconstruct, or mel2mel")
        files: dict[str, str | None] = dict.fromkeys(learned, self.polish_checkpoint)
        files["reference"] = self.reference
        return tuple(PolishStep(name, self.polish_amount, file=files.get(name)) for name in dict.fromkeys(names))


def _check_folder(output: str, recordings: int) -> None:
    """Refuse a file, or the name of a track, as the place of many results."""
    from editorbot.recording.writer import FORMATS

    names_a_track = os.path.splitext(output)[1].lower() in FORMATS and not output.endswith(("/", os.sep))
    if os.path.isfile(output) or (names_a_track and not os.path.isdir(output)):
        raise UsageError(f"--output {printable(output)} is a file, but {recordings} recordings need a folder")


def _claim(track: str, path: str, taken: dict[str, str]) -> None:
    """Note whose track this is; refuse it, even with --force, if another recording of the batch has it."""
    key = os.path.normcase(os.path.realpath(track))
    if taken.setdefault(key, path) != path:
        where = f"its track {printable(track)} would take the place of that of {printable(taken[key])}"
        raise ExistsError(f"{where}; rename one, or edit it apart with another --output", path=path)


def _finite(value: float) -> float | None:
    """Replace the minus infinity of silence, which JSON does not have."""
    return value if math.isfinite(value) else None


def _summary(edited: Edited, outputs: OutputPaths | None) -> dict[str, Any]:
    """Collect one edit's figures, with the names that ``--json`` prints; without `outputs` it was a dry run."""
    from editorbot.editlist.operations import cut_ranges

    edit_list, analysis = edited.edit_list, edited.analysis
    rate = edit_list.source.sample_rate
    summary: dict[str, Any] = {
        "before_s": round(edit_list.source.samples / rate, 6),
        "after_s": round(edit_list.output_samples / rate, 6),
        "clips": len(edit_list.clips),
        "editor": edit_list.made_by.editor,
        "tempo_bpm": round(analysis.tempo_bpm, 2),
        "key": analysis.key,
        "loudness_before_lufs": edited.before and _finite(edited.before.integrated_lufs),
        "loudness_after_lufs": edited.after and _finite(edited.after.integrated_lufs),
        "warnings": list(edit_list.warnings),
        "told": list(edited.remarks),
        "cuts_s": [[round(a / rate, 3), round(b / rate, 3)] for a, b in cut_ranges(edit_list)],
    }
    if outputs is None:
        return {**summary, "dry_run": True}
    files = {"track": outputs.track, "edit_list": outputs.edit_list, "report": outputs.report}
    return {**summary, **files, "exports": list(outputs.exported)}


def _lines(result: dict[str, Any]) -> str:
    """Say what became of one recording, and where it is."""
    kept = 1 - sum(end_s - start_s for start_s, end_s in result["cuts_s"]) / result["before_s"]
    clips = f"{result['clips']} clip{'s' if result['clips'] != 1 else ''}"
    lengths = f"{clock(result['before_s'])} -> {clock(result['after_s'])} ({kept:.0%} kept, {clips})"
    first = f"{printable(result['file'])}: {lengths}"
    remarks = [f"  {line}" for line in result["told"]]
    if result.get("dry_run"):
        return "\n".join([f"{first}; nothing was written", *remarks])
    files = [(name, result[key]) for name, key in (("track", "track"), ("list", "edit_list"), ("report", "report"))]
    files += [("export", path) for path in result["exports"]]
    return "\n".join([first, *(f"  {name:6} {printable(path)}" for name, path in files), *remarks])


def parse_range(text: str) -> tuple[float, float]:
    """Read ``1:20-1:45`` as a range of seconds.

    Raises
    ------
    UsageError
        If it is no range; a file name that strayed behind the option for example.
    TargetError
        If it ends before it starts.
    """
    start, dash, end = text.partition("-")
    if not dash:
        raise UsageError(f"{text!r} is no range; write 1:20-1:45, and recordings before the options")
    start_s, end_s = parse_clock(start), parse_clock(end)
    if end_s <= start_s:
        raise TargetError(f"the range {text} must end after it starts")
    return start_s, end_s


def list_recordings(names: tuple[str, ...]) -> list[str]:
    """List the recordings that are meant: files as named, and those in folders.

    Raises
    ------
    NotFoundError
        If a folder holds no recording.
    UnreadableError
        If a folder may not be read.
    """
    from editorbot.recording import names_in

    files: list[str] = []
    for name in names:
        if not os.path.isdir(name):
            files.append(name)
            continue
        inside = [
            os.path.join(name, entry)
            for entry in names_in(name)
            if entry.lower().endswith(AUDIO_ENDINGS) and ".edited." not in entry and not entry.startswith(".")
        ]
        if not inside:
            raise NotFoundError("the folder holds no recording", path=name)
        files.extend(inside)
    return list(dict.fromkeys(files))
