"""The body of a butterfly: abdomen, furry thorax, head with eyes, clubbed antennae.

It lies along +y of the model, head up, and is painted four times larger than it is stored, then reduced.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

PX_PER_UNIT = 300
WIDTH_PX, HEIGHT_PX = 190, 400
HINGE_PX = np.array([95, 205])  # the model's origin in the stored image; repeated in every species.toml
OVERSAMPLING = 4
HAIR_COUNT = 1500
DARK_RGB = np.array([0.10, 0.085, 0.07])  # eyes and antennae
SCALE = PX_PER_UNIT * OVERSAMPLING

Points = NDArray[np.float64]  # (n,2) in model units


class Canvas:
    """A painting of opaque strokes on nothing: rgb (h,w,3) float 0-1 and alpha (h,w)."""

    def __init__(self) -> None:
        self.rgb = np.zeros((HEIGHT_PX * OVERSAMPLING, WIDTH_PX * OVERSAMPLING, 3), np.float32)
        self.alpha = np.zeros(self.rgb.shape[:2], np.float32)

    def line(self, points: Points, width: float, rgb: NDArray) -> None:
        """A stroke through model points; its width is in model units."""
        pixels = [np.round((points * [1, -1] + HINGE_PX / PX_PER_UNIT) * SCALE).astype(np.int32)]
        thickness = max(1, round(width * SCALE))
        cv2.polylines(self.rgb, pixels, False, rgb.tolist(), thickness)
        cv2.polylines(self.alpha, pixels, False, 1.0, thickness)

    def reduced(self) -> NDArray[np.float32]:
        """Straight RGBA 0-1 (HEIGHT_PX, WIDTH_PX, 4)."""
        rgb = cv2.resize(self.rgb, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_AREA)
        alpha = cv2.resize(self.alpha, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_AREA)
        straight = rgb / np.maximum(alpha, 1e-3)[..., None]
        return np.clip(np.dstack([straight, alpha]), 0, 1)


def draw_body(body_rgb: NDArray, fur_rgb: NDArray) -> NDArray[np.float32]:
    """One body, straight RGBA float 0-1; the hairs are seeded and the same in every run."""
    canvas = Canvas()
    for side in (-1, 1):
        draw_antenna(canvas, side)
    draw_abdomen(canvas, body_rgb)
    draw_ellipse(canvas, (0, 0.045), (0.062, 0.125), body_rgb)
    draw_ellipse(canvas, (0, 0.178), (0.042, 0.044), body_rgb)
    for side in (-1, 1):
        draw_ellipse(canvas, (side * 0.031, 0.192), (0.019, 0.024), DARK_RGB)
    draw_fur(canvas, fur_rgb, np.random.default_rng(5))
    return canvas.reduced()


def draw_antenna(canvas: Canvas, side: int) -> None:
    """A thread that curves outward and ends in a club."""
    along = np.linspace(0, 1, 40)[:, None]
    curve = np.hstack([side * (0.014 + 0.20 * along**1.15), 0.205 + 0.42 * along - 0.05 * along**2])
    canvas.line(curve, 0.009, DARK_RGB)
    canvas.line(curve[33:], 0.018, DARK_RGB * 1.4)


def draw_abdomen(canvas: Canvas, rgb: NDArray) -> None:
    """Tapering slices across the body, ringed by the joints between its segments."""
    for along in np.linspace(1, 0, 400):
        y = -0.03 - 0.50 * along
        radius = 0.052 * max(0.0, np.sin(np.pi * (0.35 + 0.65 * along))) ** 0.5
        ring = 1.0 - 0.30 * max(0.0, np.sin(along * 7 * 2 * np.pi)) ** 4
        draw_slice(canvas, 0, y, radius, rgb * ring)


def draw_ellipse(
    canvas: Canvas, centre: tuple[float, float], radii: tuple[float, float], rgb: NDArray
) -> None:
    for height in np.linspace(-1, 1, 200):
        draw_slice(canvas, centre[0], centre[1] + height * radii[1], radii[0] * np.sqrt(1 - height**2), rgb)


def draw_slice(canvas: Canvas, x: float, y: float, radius: float, rgb: NDArray) -> None:
    """A row across a round part, brightest along its back."""
    for width in (1.0, 0.86, 0.7, 0.52, 0.34, 0.18):
        light = 0.45 + 1.05 * (1 - width) ** 0.6
        row = np.array([[x - width * radius, y], [x + width * radius, y]])
        canvas.line(row, 0.004, np.clip(rgb * light, 0, 1))


def draw_fur(canvas: Canvas, rgb: NDArray, generator: np.random.Generator) -> None:
    """Hairs on the thorax, the outer ones first and darker, combed backward."""
    distance = np.sqrt(np.sort(generator.uniform(0, 1, HAIR_COUNT))[::-1])
    angle = generator.uniform(0, 2 * np.pi, HAIR_COUNT)
    light = generator.uniform(0.55, 1.25, HAIR_COUNT) * (1.15 - 0.55 * distance)
    outward = np.stack([np.cos(angle), np.sin(angle)], -1)
    roots = outward * distance[:, None] * [0.052, 0.110] + [0, 0.05]
    tips = roots + outward * [0.022, 0.012] + [0, -0.030]
    for root, tip, brightness in zip(roots, tips, light, strict=True):
        canvas.line(np.array([root, tip]), 0.004, np.clip(rgb * brightness, 0, 1))
