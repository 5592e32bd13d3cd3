"""A drawn scene for tests: a figure with head, arms and legs before a striped wall, soft-edged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from effect.scene import Scene


def figure_scene(height: int = 240, width: int = 180) -> Scene:
    """The photo shows the old wall through the figure's soft edge; the plate has it only near the figure."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    distance = _figure_distance((columns - width / 2) / height, rows / height) * height
    alpha = np.clip(0.5 - distance / 3, 0, 1).astype(np.float32)
    wall = np.stack([150 + 40 * np.sin(columns / 9), 170 - 60 * rows / height, 120 + 0 * rows], axis=-1)
    figure = np.stack(
        [200 - 90 * rows / height, 60 + 100 * columns / width, 70 + 60 * np.cos(rows / 11)], axis=-1
    )
    photo = figure * alpha[..., None] + wall * (1 - alpha[..., None])
    restored = np.where((distance < 0.03 * height)[..., None], wall * 0.8 + 20, photo)
    return Scene(
        photo=np.rint(photo).astype(np.uint8),
        plate=np.rint(restored).astype(np.uint8),
        foreground=np.rint(figure).astype(np.uint8),
        alpha=alpha,
    )


def _figure_distance(x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
    """Distance to the figure in frame heights, negative inside: capsules for head, trunk, arms and legs."""
    capsules = [
        (0.0, 0.20, 0.0, 0.23, 0.07),
        (0.0, 0.38, 0.0, 0.58, 0.11),
        (-0.10, 0.36, -0.20, 0.60, 0.03),
        (0.10, 0.36, 0.20, 0.60, 0.03),
        (-0.06, 0.62, -0.08, 0.95, 0.045),
        (0.06, 0.62, 0.08, 0.95, 0.045),
    ]
    distance = np.full(x.shape, 9.0, np.float32)
    for from_x, from_y, to_x, to_y, radius in capsules:
        along_x, along_y = to_x - from_x, to_y - from_y
        share = ((x - from_x) * along_x + (y - from_y) * along_y) / (along_x**2 + along_y**2)
        share = np.clip(share, 0, 1)
        gap = np.hypot(x - from_x - share * along_x, y - from_y - share * along_y) - radius
        distance = np.minimum(distance, gap)
    return distance


def save_training_pictures(folder: Path, size_px: int) -> None:
    """Write folders `photos`, `masks` and `persons` with one picture each: a scene, an oval, the oval cut out."""
    y, x = np.mgrid[:size_px, :size_px].astype(np.float32) / size_px
    oval = ((x - 0.5) / 0.3) ** 2 + ((y - 0.5) / 0.45) ** 2 < 1
    person = np.dstack([np.full((size_px, size_px, 3), (200, 40, 60)), oval * 255])
    scene = np.stack([0.8 + 0.2 * x, 0.3 - 0.2 * y, 0.2 * np.sin(9 * y) ** 2], axis=2) * 255
    for name, pixels in (("photos", scene), ("masks", oval * 255), ("persons", person)):
        (folder / name).mkdir()
        Image.fromarray(pixels.astype(np.uint8)).save(folder / name / "one.png")
