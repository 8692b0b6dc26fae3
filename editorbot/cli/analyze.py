"""``editorbot analyze``: what is in a recording."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any, Optional

import tyro

from editorbot.analysis import BeatTracker
from editorbot.cli.arguments import FILE
from editorbot.cli.progress import progress_bar
from editorbot.errors import printable
from editorbot.timebase import clock

if TYPE_CHECKING:
    from editorbot.analysis.analysis import Analysis


@dataclass(frozen=True)
class Analyze:
    """Find the beats, bars, sections, key and activity of a recording."""

    file: Annotated[tyro.conf.Positional[str], FILE]
    """Recording to analyze."""
    json: bool = False
    """Print JSON instead of a table."""
    # Not `str | None`: for that tyro loads typeguard, a thirtieth of the whole command.
    features: Annotated[Optional[str], FILE] = None  # noqa: UP045
    """File for the 121 features of every beat. Example: --features jam.npz."""
    beat_tracker: BeatTracker = "embedded"
    """Who finds beats and bars: the network that ships, or the package beat-this (slower; needs the extra beats)."""
    stems: bool = False
    """Separate drums, bass, vocals and the rest for the last twelve features; needs the extra stems, and minutes."""
    stem_model: str = "hf://htdemucs"
    """What separates them: a Demucs model of the hub, or a .safetensors file."""
    no_cache: bool = False
    """Neither read nor write the cache of analyses."""
    repair: bool = False
    """Heal runs of up to 10 ms of NaN or infinite samples."""
    force: bool = False
    """Replace a features file that exists."""
    debug: bool = False
    """Print the whole traceback of an error."""

    def run(self) -> int:
        """Analyze and print, and return the exit code."""
        from editorbot.analysis.analyze import analyze
        from editorbot.analysis.cache import AnalysisCache
        from editorbot.analysis.features import write_features
        from editorbot.recording import check_output, open_recording

        if self.features is not None:
            check_output(self.features, [self.file], force=self.force)
        cache = None if self.no_cache else AnalysisCache.of_user()
        with open_recording(self.file, repair=self.repair) as recording:
            with progress_bar(printable(os.path.basename(self.file))) as progress:
                analysis = analyze(recording, beat_tracker=self.beat_tracker, cache=cache, progress=progress)
                if self.stems:
                    from editorbot.analysis.stem_features import add_stem_features

                    analysis = add_stem_features(analysis, recording, self.stem_model, cache=cache, progress=progress)
            warnings = tuple(dict.fromkeys(recording.warnings + analysis.warnings))
        if self.features is not None:
            write_features(self.features, analysis, may_replace=self.force)
        if self.json:
            print(json.dumps(as_document(analysis, warnings)))
        else:
            print_table(analysis)
            for line in warnings:
                print(f"warning: {printable(self.file)}: {line}", file=sys.stderr)
        return 0


def as_document(analysis: Analysis, warnings: tuple[str, ...]) -> dict[str, Any]:
    """Convert an analysis to plain values, with the names that ``--json`` prints."""
    beats_s = analysis.beats_s
    return {
        "file": analysis.source.path,
        "duration_s": analysis.duration_s,
        "sample_rate": analysis.source.sample_rate,
        "channels": analysis.source.channels,
        "tempo_bpm": analysis.tempo_bpm,
        "beats_per_bar": analysis.beats_per_bar,
        "key": analysis.key,
        "energy_db": analysis.overall_energy_db,
        "beat_confidence": analysis.beat_confidence,
        "beats_s": beats_s.tolist(),
        "downbeats_s": beats_s[analysis.downbeats].tolist(),
        "phrases_s": beats_s[analysis.phrases].tolist(),
        "tempo_curve_bpm": analysis.tempo_curve_bpm.tolist(),
        "sections": [asdict(section) for section in analysis.sections],
        "activity": [asdict(span) for span in analysis.activity],
        "warnings": list(warnings),
    }


def print_table(analysis: Analysis) -> None:
    """Print an analysis as tables."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    facts = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    beat = f"{analysis.tempo_bpm:.1f} BPM, {analysis.beats_per_bar} beats a bar" if analysis.has_beat else "no beat"
    for name, value in (
        ("length", clock(analysis.duration_s)),
        ("tempo", f"{beat} (confidence {analysis.beat_confidence:.2f})"),
        ("beats", f"{len(analysis.beats_s)}, {len(analysis.downbeats)} bars, {len(analysis.phrases)} phrases"),
        ("key", analysis.key),
        ("level", f"{analysis.overall_energy_db:.1f} dBFS"),
    ):
        facts.add_row(name, value)
    console.print(facts)
    spans = Table("from", "to", "section", "confidence")
    for section in analysis.sections:
        spans.add_row(clock(section.start_s), clock(section.end_s), section.label, f"{section.confidence:.2f}")
    console.print(spans)
    kinds = Table("from", "to", "activity")
    for span in analysis.activity:
        kinds.add_row(clock(span.start_s), clock(span.end_s), span.kind)
    console.print(kinds)
