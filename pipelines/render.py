"""From a photo to a clip, top to bottom."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from effect.ahead import begun, drawn_ahead, get_ready
from effect.clip import vanish_clip
from effect.compositor import frame_at
from effect.cutout import Cutout
from effect.framing import (
    framing_of,
    scale_alpha,
    scale_hole,
    scale_mask,
    scale_picture,
    scale_points,
    window_around,
)
from effect.inpaint.strands import without_strands
from effect.photo import Photo, load_mask, load_photo, load_plate
from effect.scene import Scene, Subject
from effect.segment import Matte, matte_from_mask, matte_of
from effect.segment.matting import estimate_foreground
from effect.timeline import Timeline, plan
from effect.video import write_video
from pipelines.delivery import check_clip, fitted_to, sound_for
from pipelines.models import Models
from pipelines.settings import Settings
from pipelines.watch import Watch

if TYPE_CHECKING:
    from moviepy import VideoClip


def vanish(
    photo_path: Path, output: Path, settings: Settings, models: Models, watch: Watch
) -> dict[str, object]:
    """Render the clip of one photo; returns what `--json` prints. Raises UserError."""
    check_clip(output, [photo_path, *settings.inputs], settings)
    settings = fitted_to(output, settings, watch)
    scene, timeline = prepare(photo_path, settings, models, watch)
    count, fps = timeline.frame_count, timeline.fps
    with watch.stage("sound"):
        sound = sound_for(timeline, settings)
    with watch.stage("render"):
        draw = Cutout.of(scene).frame_at if settings.alpha else partial(frame_at, scene)
        indices = watch.progress(range(count), name="frames", unit="frame")
        frames = drawn_ahead(partial(draw, timeline), indices, settings.threads or os.cpu_count() or 1)
        threads, encoding = settings.threads, settings.encoding
        write_video(frames, output, scene.size, fps, count, settings.force, threads, encoding, sound)
    return {
        "output": str(output),
        "size": list(scene.size),
        "fps": str(fps),
        "frames": count,
        "clip_seconds": round(float(count / fps), 6),
        **watch.report(),
    }


def photo_clip(photo_path: Path, settings: Settings) -> VideoClip:
    """The same clip for a moviepy edit, drawn as moviepy asks for it; silent unless the settings name a sound.

    Raises UserError.
    """
    watch = Watch(quiet=True)
    with Models(settings, watch) as models:
        scene, timeline = prepare(photo_path, settings, models, watch)
    return vanish_clip(scene, timeline, sound_for(timeline, settings))


def prepare(photo_path: Path, settings: Settings, models: Models, watch: Watch) -> tuple[Scene, Timeline]:
    """All that is needed to draw any frame of one photo's clip.

    While the background is restored, the clip is planned: that takes long, and needs to know only where it changes.
    """
    preset = settings.preset()
    fps = settings.frame_rate(preset)
    with watch.stage("load"):
        photo = load_photo(photo_path)
        ready_plate = load_plate(settings.plate, photo.size) if settings.plate else None
    framing = settings.framing(preset, photo.size)
    if ready_plate is None:
        models.load_inpainter()

    with watch.stage("segment"):
        matte = find_person(photo, framing.scaled_size, settings, models)
    rgb = scale_picture(photo.rgb, framing)
    with watch.stage("restore"):
        if ready_plate is None:
            known, unknown = without_strands(rgb, matte.hole, matte.others), matte.hole
        else:
            known, unknown = scale_picture(ready_plate, framing), np.zeros_like(matte.hole)
    changes = (matte.alpha > 0) | unknown | (rgb != known).any(axis=2)
    window = window_around(matte.alpha, framing)
    subject = Subject(window.of(rgb), window.of(matte.alpha), window.of(changes))

    def work_beside() -> tuple[NDArray[np.uint8], Timeline]:
        get_ready(preset.species)
        foreground = estimate_foreground(subject.photo, subject.alpha)
        return foreground, plan(subject, preset, settings.seed, fps)

    beside = begun(work_beside)  # where restoring fails, this is not waited for
    with watch.stage("restore"):
        plate = models.inpainter.restore(known, unknown, matte.others) if unknown.any() else known
    with watch.stage("plan"):
        foreground, timeline = beside.result()
    return Scene(subject.photo, window.of(plate), foreground, subject.alpha), timeline


def find_person(photo: Photo, size: tuple[int, int], settings: Settings, models: Models) -> Matte:
    """The matte at `size` (width, height): of the user's mask, or else of whom the segmenter finds.

    It is found at one working size, so that a clip's size does not decide who is in it, and a photo of 12
    megapixels is not matted for minutes.
    """
    working = framing_of(photo.size)
    rgb = scale_picture(photo.rgb, working)
    if settings.mask:
        mask = load_mask(settings.mask, photo.size)
        everybody = None if settings.plate else models.people_in(rgb)
        matte = matte_from_mask(rgb, scale_mask(mask, working), everybody, edges=settings.edges)
    else:
        at = scale_points(settings.at, working)
        matte = matte_of(rgb, models.segmenter, at=at, edges=settings.edges)
    hole, others = (scale_hole(region, size) for region in (matte.hole, matte.others))
    return Matte(alpha=scale_alpha(matte.alpha, size), hole=hole, others=others & ~hole)
