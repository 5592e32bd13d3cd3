"""Pictures for the README, all from the demo photo: `python -m pipelines.contact_sheet docs`.

`contact_sheet.webp` tells the default preset's clip in eight frames; `presets/<name>.webp` is one still of each.
"""

from __future__ import annotations

import io
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from effect.compositor import frame_at
from effect.preset import DEFAULT_PRESET, Preset, load_preset, preset_names
from effect.scene import Scene
from effect.timeline import Timeline, plan
from pipelines.models import Models
from pipelines.render import prepare
from pipelines.settings import Settings
from pipelines.watch import Watch

PHOTO = Path(__file__).parent.parent / "assets" / "demo" / "astronaut.jpg"
SHEET_COLUMNS, SHEET_CELL_PX, SHEET_GAP_PX = 4, 400, 8
SHEET_MOMENTS = (-0.3, 0.12, 0.32, 0.5, 0.68, 0.92, 1.25, 1.8)  # shares of the sweep
SHEET_BYTES = 350_000
STILL_MOMENT = 0.52
STILL_HEIGHT_PX = 400
STILL_BYTES = 60_000
WHITE = 255


def draw_all(folder: Path) -> None:
    """Write the sheet and one still per preset, at the highest quality that keeps each file small."""
    (folder / "presets").mkdir(parents=True, exist_ok=True)
    scenes: dict[str, Scene] = {}
    settings = Settings()
    watch = Watch(quiet=True)
    with Models(settings, watch) as models:
        for name in preset_names():
            preset = load_preset(name)
            if preset.frame not in scenes:
                framed = Settings(preset_name=name)
                scenes[preset.frame], _ = prepare(PHOTO, framed, models, watch)
            scene = scenes[preset.frame]
            poster = poster_of(scene, preset, settings.seed, Fraction(preset.fps))
            _save(_at_height(poster, STILL_HEIGHT_PX), folder / "presets" / f"{name}.webp", STILL_BYTES)
            if name == DEFAULT_PRESET:
                timeline = plan(scene.subject, preset, settings.seed, Fraction(preset.fps))
                _save(sheet_of(scene, preset, timeline), folder / "contact_sheet.webp", SHEET_BYTES)


def poster_of(scene: Scene, preset: Preset, seed: int, fps: Fraction) -> NDArray[np.uint8]:
    """The frame that shows what a preset is like, half of the person still there: uint8 (H, W, 3)."""
    timeline = plan(scene.subject, preset, seed, fps)
    return frame_at(scene, timeline, frame_index(preset, timeline, STILL_MOMENT))


def frame_index(preset: Preset, timeline: Timeline, moment: float) -> int:
    """The frame at a moment of the story: 0 where the sweep begins, 1 where it ends, in either direction."""
    sweep_seconds = preset.sweep_end_seconds - preset.sweep_start_seconds
    seconds = preset.photo_still_seconds + preset.sweep_start_seconds + moment * sweep_seconds
    last = timeline.frame_count // 2 if timeline.loop else timeline.frame_count - 1
    index = min(max(round(seconds * timeline.fps), 0), last)
    return last - index if timeline.reverse else index


def sheet_of(scene: Scene, preset: Preset, timeline: Timeline) -> Image.Image:
    """The photo, the clip on its way and the empty background, row by row on white."""
    indices = [frame_index(preset, timeline, moment) for moment in SHEET_MOMENTS]
    if timeline.loop:
        indices = [
            timeline.frame_count * number // len(SHEET_MOMENTS) for number in range(len(SHEET_MOMENTS))
        ]
    cells = [_at_height(frame_at(scene, timeline, index), SHEET_CELL_PX) for index in indices]
    width, height = (side + SHEET_GAP_PX for side in cells[0].size)
    rows = -(-len(cells) // SHEET_COLUMNS)
    size = SHEET_COLUMNS * width - SHEET_GAP_PX, rows * height - SHEET_GAP_PX
    sheet = Image.new("RGB", size, (WHITE, WHITE, WHITE))
    for number, cell in enumerate(cells):
        sheet.paste(cell, (number % SHEET_COLUMNS * width, number // SHEET_COLUMNS * height))
    return sheet


def _at_height(frame: NDArray[np.uint8], height_px: int) -> Image.Image:
    picture = Image.fromarray(frame)
    width_px = round(picture.width * height_px / picture.height)
    return picture.resize((width_px, height_px), Image.Resampling.LANCZOS)


def _save(picture: Image.Image, path: Path, most_bytes: int) -> None:
    for quality in range(92, 20, -4):
        encoded = io.BytesIO()
        picture.save(encoded, "WEBP", quality=quality, method=6)
        if encoded.tell() <= most_bytes:
            break
    path.write_bytes(encoded.getvalue())


if __name__ == "__main__":
    draw_all(Path(sys.argv[1]))
