"""Golden frames: what was drawn last time is what is drawn now.

After a wanted change, `PYTHONPATH=. python tests/test_golden.py` draws them anew; look before committing.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scenes import figure_scene

from effect.compositor import frame_at
from effect.preset import load_preset, preset_names
from effect.timeline import plan
from pipelines.contact_sheet import poster_of

FOLDER = Path(__file__).parent / "golden"
MOMENTS = {  # preset and second of the clip, at 10 frames a second
    "classic_rising": ("classic", 2.4),
    "classic_leaving": ("classic", 4.2),
    "appear_landing": ("appear", 5.0),
    "burst_middle": ("burst", 1.9),
}
POSTERS = {f"poster_{name}": name for name in preset_names()}
FPS = Fraction(10)
SCENE = figure_scene(200, 150)
POSTER_SCENE = figure_scene(120, 90)
TOLERANCE = 6  # levels of 255: the last digit of a warp differs between processors, and shows at wing edges
STRAYS = 0.002  # share of pixels that may differ by more


def drawn(name: str) -> NDArray[np.uint8]:
    if name in POSTERS:
        return poster_of(POSTER_SCENE, load_preset(POSTERS[name]), 7, FPS)
    preset, second = MOMENTS[name]
    return frame_at(SCENE, plan(SCENE.subject, load_preset(preset), 7, FPS), round(second * FPS))


@pytest.mark.parametrize("name", [*MOMENTS, *POSTERS])
def test_frame_is_what_it_was(name: str, tmp_path: Path) -> None:
    golden = np.asarray(Image.open(FOLDER / f"{name}.png"))
    frame = drawn(name)
    difference = np.abs(frame.astype(int) - golden)
    if (difference > TOLERANCE).any(axis=2).mean() > STRAYS:
        report = tmp_path / f"{name}_difference.png"
        amplified = np.clip(difference * 4, 0, 255).astype(np.uint8)
        Image.fromarray(np.hstack([golden, frame, amplified])).save(report)
        pytest.fail(f"{name} changed; golden, new and difference side by side: {report}")


if __name__ == "__main__":
    for frame_name in [*MOMENTS, *POSTERS]:
        Image.fromarray(drawn(frame_name)).save(FOLDER / f"{frame_name}.png", optimize=True)
