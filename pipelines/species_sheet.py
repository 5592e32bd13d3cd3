"""Draw every species open, in flight and closed on one sheet: `python -m pipelines.species_sheet docs/species.webp`."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from effect.butterflies import Pose, draw_butterfly, load_species, species_names

CELL_WIDTH_PX, CELL_HEIGHT_PX = 480, 200
SHEET_COLUMNS = 3
SIZE_PX = 74
BACKGROUND_TOP_RGB, BACKGROUND_BOTTOM_RGB = (214, 222, 214), (188, 202, 192)
TEXT_RGB = (70, 80, 72)
POSES = [
    Pose(90, 95, SIZE_PX, forewing_angle=0.06),
    Pose(255, 105, SIZE_PX, yaw=-0.5, tilt=0.75, roll=0.2, forewing_angle=0.65, hindwing_angle=0.5),
    Pose(390, 130, SIZE_PX, yaw=0.35, tilt=0.5, roll=1.15, forewing_angle=1.38, hindwing_angle=1.3),
]


def draw_sheet() -> Image.Image:
    names = species_names()
    rows = -(-len(names) // SHEET_COLUMNS)
    shades = np.linspace(BACKGROUND_TOP_RGB, BACKGROUND_BOTTOM_RGB, rows * CELL_HEIGHT_PX)
    sheet = np.repeat(shades.astype(np.uint8)[:, None], SHEET_COLUMNS * CELL_WIDTH_PX, axis=1)
    corners = [
        (i % SHEET_COLUMNS * CELL_WIDTH_PX, i // SHEET_COLUMNS * CELL_HEIGHT_PX) for i in range(len(names))
    ]
    for name, (left, top) in zip(names, corners, strict=True):
        for pose in POSES:
            draw_butterfly(
                sheet, load_species(name), replace(pose, x_px=pose.x_px + left, y_px=pose.y_px + top)
            )
    image = Image.fromarray(sheet)
    text = ImageDraw.Draw(image)
    for name, (left, top) in zip(names, corners, strict=True):
        text.text(
            (left + 18, top + CELL_HEIGHT_PX - 22),
            f"{load_species(name).common_name} · {name}",
            TEXT_RGB,
            font_size=13,
        )
    return image


if __name__ == "__main__":
    draw_sheet().save(Path(sys.argv[1]), quality=88, method=6)
