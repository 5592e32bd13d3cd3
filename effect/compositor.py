"""Pixel arithmetic of one frame: the dissolving photo, shadows and halos of the butterflies on it, the butterflies."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from effect.butterflies import cloth_of, draw_butterflies
from effect.dissolve import dissolved
from effect.scene import Scene
from effect.species import load_species
from effect.timeline import Timeline

SHADOW_DARKNESS = 0.2
SHADOW_REACH = 1.3  # forewing lengths
FAINTEST_SHADOW = 0.02
NIGHT_RGB = np.array([0.14, 0.19, 0.32], np.float32)  # what a night leaves of the photo's red, green and blue
HALO_REACH, HALO_BRIGHTNESS = 2.6, 80  # forewing lengths, levels in the middle
COARSE_PX, CELLS_OF_REACH = 4, 12  # side of cells in which halos are added up, and shadows that reach so many


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
    species = tuple(load_species(name) for name in timeline.swarm.kinds)
    poses = timeline.swarm.poses(index, butterflies)
    dusk = float(timeline.dusk[index])
    if dusk:
        frame = _darkened(frame, dusk)
    if timeline.light.halo:
        colours = np.array([wings.wing_rgb for wings in species], np.float32)[poses["kind"]]
        _cast_halos(frame, timeline, index, butterflies, colours)
    if poses.size:
        cloth = cloth_of(_darkened(scene.cut_from, dusk)) if dusk else scene.cloth
        draw_butterflies(frame, species, poses, timeline.light, cloth)
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
    from effect.fade import darken, shade  # not at the top: compiled code takes a while to load

    swarm, dissolve = timeline.swarm, timeline.dissolve
    lift = swarm.lift[index].astype(np.float64)
    strength = SHADOW_DARKNESS * swarm.opacity[index] * np.clip(1 - lift, 0, None)
    casting = butterflies[strength[butterflies] >= FAINTEST_SHADOW]
    if not casting.size:
        return
    size = swarm.size_px[index].astype(np.float64)
    toward_x, toward_y, _ = timeline.light.direction
    away, reach = size * (0.18 + lift), SHADOW_REACH * size
    # Soft as they are, shadows may be added up coarsely, in cells of the box.
    cell_px = int(np.clip(reach[casting].min() / CELLS_OF_REACH, 1, COARSE_PX))
    x = (swarm.x_px[index] - away * toward_x - dissolve.left + 0.5) / cell_px - 0.5
    y = (swarm.y_px[index] + away * toward_y - dissolve.top + 0.5) / cell_px - 0.5
    height, width = dissolve.arrival_seconds.shape
    shadows = (values[casting] for values in (x, y, reach / cell_px, strength))
    taken = shade(-(-height // cell_px), -(-width // cell_px), *shadows)
    if not taken.any():
        return
    rows, columns = _span_of(taken.any(axis=1)), _span_of(taken.any(axis=0))
    top, left = cell_px * rows.start, cell_px * columns.start
    smooth = cv2.resize(taken[rows, columns], None, fx=cell_px, fy=cell_px, interpolation=cv2.INTER_LINEAR)
    smooth = smooth[: height - top, : width - left].copy()
    darken(
        frame.reshape(len(frame), -1),
        *(scene.alpha, (dissolve.top, dissolve.left), (top, left), smooth),
        *(dissolve.arrival_seconds, seconds, dissolve.softness_seconds),
    )


def _span_of(taken: NDArray[np.bool_]) -> slice:
    """The slice from the first place that is taken, bool (n,), to the last, and one more on either side."""
    places = np.flatnonzero(taken)
    return slice(max(int(places[0]) - 1, 0), int(places[-1]) + 2)


def _darkened(frame: NDArray[np.uint8], dusk: float) -> NDArray[np.uint8]:
    """The frame by night, at a dusk of 1."""
    left = 1 - np.float32(dusk) * (1 - NIGHT_RGB)
    levels = np.rint(np.arange(256, dtype=np.float32)[:, None] * left).astype(np.uint8)
    return np.asarray(cv2.LUT(frame, levels[None]))


def _cast_halos(
    frame: NDArray[np.uint8],
    timeline: Timeline,
    index: int,
    butterflies: NDArray[np.intp],
    colours: NDArray[np.float32],
) -> None:
    """Light up what is around butterflies that shine, in place; colours: RGB 0-1 (n, 3)."""
    height, width = frame.shape[:2]
    swarm, step = timeline.swarm, COARSE_PX
    light = np.zeros((-(-height // step), -(-width // step), 3), np.float32)
    for butterfly, colour in zip(butterflies, colours, strict=True):
        reach = max(HALO_REACH * float(swarm.size_px[index, butterfly]) / step, 1.0)
        x, y = float(swarm.x_px[index, butterfly]) / step, float(swarm.y_px[index, butterfly]) / step
        rows = slice(max(int(y - reach), 0), min(int(y + reach) + 1, light.shape[0]))
        columns = slice(max(int(x - reach), 0), min(int(x + reach) + 1, light.shape[1]))
        if rows.start >= rows.stop or columns.start >= columns.stop:
            continue
        own = 1 - float(swarm.tint_strength[index, butterfly])  # cloth does not shine
        strength = timeline.light.halo * own * float(swarm.opacity[index, butterfly])
        falloff = np.square(_bump(rows, y, reach)[:, None] * _bump(columns, x, reach))
        # What is bright already gains less: many halos over one another stay a light in the dark.
        lit = light[rows, columns]
        lit += (1 - lit) * (np.float32(strength) * falloff[..., None] * colour)
    smooth = cv2.resize(light, None, fx=step, fy=step, interpolation=cv2.INTER_LINEAR)[:height, :width]
    frame[...] = np.clip(frame + np.float32(HALO_BRIGHTNESS) * smooth + np.float32(0.5), 0, 255)


def _bump(pixels: slice, middle: float, reach: float) -> NDArray[np.float32]:
    """`effect.fade.bump` along these pixels, float32 (n,): 1 in the middle, 0 from `reach` on."""
    from effect.fade import bump  # not at the top: compiled code takes a while to load

    away = np.arange(pixels.start, pixels.stop, dtype=np.float32) - np.float32(middle)
    return bump(away / np.float32(reach))
