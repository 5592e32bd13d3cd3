"""What the user gets: whether a clip may be written where they want it, and how large and loud it is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from effect.formats import ENDINGS, PNG_FOLDER, SMALL_ENDINGS, SOFTWARE, recipe_for
from effect.output import check_output, check_output_folder
from effect.sound import BUILT_IN, SILENT, file_sound, flutter_sound
from effect.timeline import Timeline
from effect.video import encoder_fault
from pipelines.settings import Settings
from pipelines.watch import Watch

SMALL_LONG_SIDE_PX = 720  # of a GIF and its like, unless --size says otherwise


def check_clip(output: Path, inputs: Sequence[Path], settings: Settings) -> None:
    """Raise UserError for a clip that could not, or must not, be written, before any work is spent on it."""
    ending = output.suffix.lower()
    if ending == PNG_FOLDER:
        check_output_folder(output, inputs, settings.force)
    else:
        check_output(output, ENDINGS, inputs, settings.force)
    recipe_for(ending, settings.encoding)
    if settings.audio not in (None, BUILT_IN, SILENT):
        file_sound(Path(settings.audio), 1, settings.frame_rate(settings.preset()))


def fitted_to(output: Path, settings: Settings, watch: Watch) -> Settings:
    """The settings with what the kind of file and the machine leave open decided: longest side, sound, encoder."""
    ending = output.suffix.lower()
    if settings.encoder != SOFTWARE and (fault := encoder_fault(settings.encoder)):
        watch.notice(f"{settings.encoder} does not work on this machine ({fault}): encoding without it")
        settings = replace(settings, encoder=SOFTWARE)
    if ending in SMALL_ENDINGS:
        settings = replace(settings, longest_px=SMALL_LONG_SIDE_PX)
    carries_sound = recipe_for(ending, settings.encoding).sound is not None
    if settings.audio is None:  # what is laid over other footage comes without a track of its own
        return replace(settings, audio=BUILT_IN if carries_sound and not settings.alpha else SILENT)
    if settings.audio != SILENT and not carries_sound:
        watch.notice(f"{output.name} cannot carry sound: --audio {settings.audio} is left out")
        return replace(settings, audio=SILENT)
    return settings


def sound_for(timeline: Timeline, settings: Settings) -> NDArray[np.float32] | None:
    """The clip's sound, float32 (n, 2), or None for silence. UserError for a file without sound."""
    if settings.audio in (None, SILENT):
        return None
    if settings.audio == BUILT_IN:
        return flutter_sound(timeline, settings.seed)
    return file_sound(Path(settings.audio), timeline.frame_count, timeline.fps)
