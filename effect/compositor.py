"""Pixel arithmetic of one frame: the dissolving photo, shadows of the butterflies on it, the butterflies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from effect.butterflies import draw_butterfly
from effect.dissolve import dissolved, remaining
from effect.scene import Scene
from effect.species import load_species
from effect.timeline import Timeline

SHADOW_DARKNESS = 0.2
SHADOW_REACH = 1.3  # forewing lengths
FAINTEST_SHADOW = 0.02


def frame_at(scene: Scene, timeline: Timeline, index: int) -> NDArray[np.uint8]:
    """Frame `index` of a clip: uint8 (H, W, 3), a new array. Depends on nothing but its arguments.

    Frame 0 is the photo and the last one the plate, the other way round in a reversed clip.
    IndexError for an index outside the clip.
    """
    if not 0 <= index < timeline.frame_count:
        raise IndexError(f"frame {index} of a clip with {timeline.frame_count}")
    seconds = timeline.dissolve_seconds(index)
    frame = dissolved(scene, timeline.dissolve, seconds)
    butterflies = timeline.swarm.visible(index)
    _cast_shadows(frame, scene, timeline, index, butterflies, seconds)
    names = timeline.swarm.species
    wings = {name: load_species(name) for name in set(names)}
    for butterfly in butterflies:
        draw_butterfly(frame, wings[names[butterfly]], timeline.swarm.pose(index, butterfly), timeline.light)
    return frame


def _cast_shadows(
    frame: NDArray[np.uint8],
    scene: Scene,
    timeline: Timeline,
    index: int,
    butterflies: NDArray[np.intp],
    seconds: float,
) -> None:
    """Darken what is left of the person under butterflies that are just coming off, in place."""
    swarm, dissolve = timeline.swarm, timeline.dissolve
    toward_x, toward_y, _ = timeline.light.direction
    for butterfly in butterflies:
        lift = float(swarm.lift[index, butterfly])
        strength = SHADOW_DARKNESS * float(swarm.opacity[index, butterfly]) * max(0.0, 1 - lift)
        if strength < FAINTEST_SHADOW:
            continue
        size = float(swarm.size_px[index, butterfly])
        away = size * (0.18 + lift)
        x, y = swarm.x_px[index, butterfly] - away * toward_x, swarm.y_px[index, butterfly] + away * toward_y
        reach = SHADOW_REACH * size
        rows = slice(max(int(y - reach), dissolve.top), min(int(y + reach) + 1, dissolve.box[0].stop))
        columns = slice(max(int(x - reach), dissolve.left), min(int(x + reach) + 1, dissolve.box[1].stop))
        if rows.start >= rows.stop or columns.start >= columns.stop:
            continue
        falloff = _bump(rows, float(y), reach)[:, None] * _bump(columns, float(x), reach)
        inside = (
            slice(rows.start - dissolve.top, rows.stop - dissolve.top),
            slice(columns.start - dissolve.left, columns.stop - dissolve.left),
        )
        person = remaining(seconds, dissolve.arrival_seconds[inside], dissolve.softness_seconds)
        shade = 1 - np.float32(strength) * falloff * person * scene.alpha[rows, columns]
        frame[rows, columns] = frame[rows, columns] * shade[..., None] + np.float32(0.5)


def _bump(pixels: slice, middle: float, reach: float) -> NDArray[np.float32]:
    """A soft hill, float32 (n,): 1 in the middle, 0 from `reach` on; a polynomial, equal on every machine."""
    away = (np.arange(pixels.start, pixels.stop, dtype=np.float32) - np.float32(middle)) / np.float32(reach)
    return np.square(np.clip(1 - away * away, 0, 1))
