"""The stages on the way to a clip, as single pictures: the matte, the restored background, one frame."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from effect.compositor import frame_at
from effect.errors import UserError
from effect.inpaint.strands import without_strands
from effect.output import check_output
from effect.photo import IMAGE_ENDINGS, Photo, load_photo, load_sketch, save_image
from pipelines.contact_sheet import sheet_of
from pipelines.models import Models
from pipelines.render import find_person, prepare
from pipelines.settings import Settings
from pipelines.watch import Watch


def segment(
    photo_path: Path, output: Path, settings: Settings, models: Models, watch: Watch
) -> dict[str, object]:
    """Save the person's matte, white on black, at the photo's own size. Raises UserError."""
    photo = _load(photo_path, output, settings, watch)
    with watch.stage("segment"):
        matte = find_person(photo, photo.size, settings, models)
    save_image(np.rint(matte.alpha * 255).astype(np.uint8), output, settings.force)
    return {"output": str(output), "size": list(photo.size), **watch.report()}


def restore(
    photo_path: Path, output: Path, settings: Settings, models: Models, watch: Watch
) -> dict[str, object]:
    """Save the background without the person, at the photo's own size. Raises UserError."""
    photo = _load(photo_path, output, settings, watch)
    strokes = load_sketch(settings.sketch, photo.size) if settings.sketch else None
    models.load_inpainter()
    with watch.stage("segment"):
        matte = find_person(photo, photo.size, settings, models)
    with watch.stage("restore"):
        bare = without_strands(photo.rgb, matte.hole, matte.others)
        plate = models.inpainter.restore(bare, matte.hole, matte.others, strokes)
    save_image(plate, output, settings.force)
    return {"output": str(output), "size": list(photo.size), **watch.report()}


def frame(
    photo_path: Path, output: Path, seconds: float, settings: Settings, models: Models, watch: Watch
) -> dict[str, object]:
    """Save the one frame that the clip shows at `seconds`. Raises UserError."""
    check_output(output, IMAGE_ENDINGS, [photo_path, *settings.inputs], settings.force)
    preset = settings.preset()
    fps = settings.frame_rate(preset)
    index = _frame_index(seconds, preset.frame_count(fps), fps)
    scene, timeline = prepare(photo_path, settings, models, watch)
    with watch.stage("render"):
        save_image(frame_at(scene, timeline, index), output, settings.force)
    return {"output": str(output), "size": list(scene.size), "frame": index, **watch.report()}


def sheet(
    photo_path: Path, output: Path, settings: Settings, models: Models, watch: Watch
) -> dict[str, object]:
    """Save eight moments of the clip side by side. Raises UserError."""
    check_output(output, IMAGE_ENDINGS, [photo_path, *settings.inputs], settings.force)
    scene, timeline = prepare(photo_path, settings, models, watch)
    with watch.stage("render"):
        picture = np.asarray(sheet_of(scene, settings.preset(), timeline))
        save_image(picture, output, settings.force)
    return {"output": str(output), "size": [picture.shape[1], picture.shape[0]], **watch.report()}


def _load(photo_path: Path, output: Path, settings: Settings, watch: Watch) -> Photo:
    check_output(output, IMAGE_ENDINGS, [photo_path, *settings.inputs], settings.force)
    with watch.stage("load"):
        return load_photo(photo_path)


def _frame_index(seconds: float, frame_count: int, fps: Fraction) -> int:
    """The frame on screen at `seconds`; the very end still shows the last one."""
    clip_seconds = float(frame_count / fps)
    if not 0 <= seconds <= clip_seconds:
        raise UserError(
            f"--time must be from 0 to {clip_seconds:g} seconds (the clip's end), not {seconds:g}"
        )
    return min(int(seconds * fps + 1e-6), frame_count - 1)
