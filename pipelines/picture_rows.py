"""Pictures side by side, one row for each scene."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from effect.photo import save_image


def save_rows(rows: Sequence[Sequence[np.ndarray]], path: Path, height_px: int) -> None:
    """Save the pictures, uint8 (H, W, 3), those of a row of one size, as rows of one height; creates the folder."""
    lines = []
    for pictures in rows:
        row = np.hstack(pictures)
        width = round(row.shape[1] * height_px / row.shape[0])
        lines.append(cv2.resize(row, (width, height_px), interpolation=cv2.INTER_AREA))
    widest = max(line.shape[1] for line in lines)
    lines = [np.pad(line, ((0, 0), (0, widest - line.shape[1]), (0, 0))) for line in lines]
    path.parent.mkdir(exist_ok=True)
    save_image(np.asarray(np.vstack(lines), np.uint8), path, force=True)
