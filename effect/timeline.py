"""The plan of a clip: every random number drawn once, every butterfly's pose in every frame."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from effect.anchors import Anchors, plant_anchors
from effect.butterflies import Light, Pose
from effect.dissolve import Dissolve, plan_dissolve
from effect.flight import STEPS_PER_SECOND, Flight, fly, on_screen, perspective
from effect.preset import Preset
from effect.scene import Scene
from effect.species import species_names
from effect.wingbeat import Attitude, hold, peeled

PIXEL_GRID = 64  # poses are rounded to 1/64 px and 1/4096 rad or share: far below what shows, but above the
FINE_GRID = 4096  # last digits in which mathematical libraries differ, so frames agree on every machine
FOCUS_DEPTH = 0.25  # butterflies nearer to the camera than this get out of focus ...
BLUR_SHARE = 0.075  # ... by this share of their size for each doubling of it
FEWEST_PEEL_SECONDS = 0.15


@dataclass(frozen=True)
class Swarm:
    """Poses of n butterflies in every frame: arrays (frames, n) float32 unless noted. See effect.butterflies.Pose.

    `lift` is how far a butterfly is off the person, in forewing lengths; `depth` is nearness to the camera.
    """

    species: tuple[str, ...]  # (n,)
    tint: NDArray[np.float32]  # (n, 3) RGB 0-1
    x_px: NDArray[np.float32]
    y_px: NDArray[np.float32]
    size_px: NDArray[np.float32]
    yaw: NDArray[np.float32]
    pitch: NDArray[np.float32]
    roll: NDArray[np.float32]
    tilt: NDArray[np.float32]
    forewing_angle: NDArray[np.float32]
    hindwing_angle: NDArray[np.float32]
    wing_speed: NDArray[np.float32]
    tint_strength: NDArray[np.float32]
    opacity: NDArray[np.float32]
    blur_px: NDArray[np.float32]
    depth: NDArray[np.float32]
    lift: NDArray[np.float32]

    def visible(self, frame: int) -> NDArray[np.intp]:
        """Butterflies to draw in a frame, the farthest first."""
        order = np.argsort(self.depth[frame], kind="stable")
        return order[self.opacity[frame, order] > 0]

    def pose(self, frame: int, butterfly: int) -> Pose:
        at = frame, butterfly
        red, green, blue = (float(value) for value in self.tint[butterfly])
        return Pose(
            x_px=float(self.x_px[at]),
            y_px=float(self.y_px[at]),
            size_px=float(self.size_px[at]),
            yaw=float(self.yaw[at]),
            pitch=float(self.pitch[at]),
            roll=float(self.roll[at]),
            tilt=float(self.tilt[at]),
            forewing_angle=float(self.forewing_angle[at]),
            hindwing_angle=float(self.hindwing_angle[at]),
            tint=(red, green, blue),
            tint_strength=float(self.tint_strength[at]),
            opacity=float(self.opacity[at]),
            blur_px=float(self.blur_px[at]),
            wing_speed=float(self.wing_speed[at]),
        )


@dataclass(frozen=True)
class Timeline:
    """A clip, ready to be drawn in any order by `effect.compositor.frame_at`."""

    fps: Fraction
    frame_count: int
    reverse: bool
    dissolve: Dissolve
    swarm: Swarm
    light: Light

    def dissolve_seconds(self, index: int) -> float:
        """The dissolve's clock at a frame: it stands before everything at one end, after it at the other."""
        forward = self.frame_count - 1 - index if self.reverse else index
        if forward in (0, self.frame_count - 1):
            return -np.inf if forward == 0 else np.inf
        return float(forward / self.fps)


def plan(scene: Scene, preset: Preset, seed: int, fps: Fraction) -> Timeline:
    """Draw every random number of a clip from `seed` and lay out all frames."""
    generator = np.random.default_rng(seed)
    frame_count = preset.frame_count(fps)
    dissolve = plan_dissolve(scene, preset, generator)
    anchors = plant_anchors(scene, dissolve, preset, generator)
    swarm = _swarm(scene, anchors, preset, frame_count, fps, generator)
    return Timeline(fps, frame_count, preset.reverse, dissolve, swarm, estimate_light(scene))


def estimate_light(scene: Scene) -> Light:
    """Light from the side on which the photo is brighter, from above and toward the viewer."""
    rows = scene.photo[::8, ::8].astype(np.float64).mean(axis=(0, 2))
    half = max(len(rows) // 2, 1)
    left, right = rows[:half].mean(), rows[-half:].mean()
    aside = float(np.clip(round(3 * (right - left) / (right + left + 1) * 32) / 32, -0.6, 0.6))
    return Light(direction=(aside, 0.6, 0.75))


def _swarm(
    scene: Scene, anchors: Anchors, preset: Preset, frame_count: int, fps: Fraction, generator: np.random.Generator
) -> Swarm:
    height, width = scene.alpha.shape
    aspect, count = width / height, len(anchors.x_px)
    names = preset.species or tuple(species_names())
    species = tuple(names[index] for index in generator.integers(0, len(names), count))
    peel = preset.peel_seconds * generator.uniform(0.8, 1.25, count)
    peel = np.minimum(peel, anchors.take_off_seconds - preset.photo_still_seconds)
    peel = np.maximum(peel, FEWEST_PEEL_SECONDS)
    take_off = np.maximum(anchors.take_off_seconds, preset.photo_still_seconds + peel)

    last_seconds = float((frame_count - 1) / fps)
    steps = int(np.ceil(preset.duration_seconds * STEPS_PER_SECOND)) + 2
    start = np.stack([anchors.x_px / height, 1 - anchors.y_px / height], axis=1)
    size = anchors.size_px / height
    clear = preset.photo_still_seconds + preset.sweep_end_seconds + preset.linger_seconds
    flight = fly(start, size, take_off, clear, aspect, steps, preset, generator)

    clock = np.arange(steps) / STEPS_PER_SECOND
    departed = last_seconds - clock if preset.reverse else clock
    position = _at_times(flight.position, departed)
    presence = _at_times(flight.presence, departed)
    age = departed[:, None] - take_off
    attitude = hold(position, on_screen(position, aspect), age, peel, float(fps), generator)
    frames = np.arange(frame_count) / float(fps)
    return _poses(position, presence, age, attitude, frames, anchors, peel, species, (width, height), preset, float(fps))


def _poses(
    position: NDArray[np.float64], presence: NDArray[np.float64], age: NDArray[np.float64], attitude: Attitude,
    frames: NDArray[np.float64], anchors: Anchors, peel: NDArray[np.float64], species: tuple[str, ...],
    frame_size: tuple[int, int], preset: Preset, frames_per_second: float,
) -> Swarm:
    """Sample the simulated clip at its frames and round to the grids."""
    width, height = frame_size

    def sampled(values: NDArray[np.float64], grid: int = FINE_GRID) -> NDArray[np.float32]:
        return (np.rint(_at_times(values, frames) * grid) / grid).astype(np.float32)

    zoom = perspective(position[..., 2])
    screen = on_screen(position, width / height)
    grown = peeled(age, peel)
    size_px = anchors.size_px * zoom * grown * np.sqrt(presence)
    opacity = sampled(presence * np.clip(3 * grown, 0, 1))
    opacity[[0, -1]] = 0
    tint_strength = np.exp(-np.clip(age, 0, None) / max(preset.tint_seconds, 1e-3))
    too_near = np.clip(np.log2(np.maximum(zoom, 1e-3)) - FOCUS_DEPTH, 0, None)
    return Swarm(
        species=species,
        tint=anchors.tint,
        x_px=sampled(screen[..., 0] * height, PIXEL_GRID),
        y_px=sampled((1 - screen[..., 1]) * height - attitude.bob * size_px, PIXEL_GRID),
        size_px=sampled(size_px, PIXEL_GRID),
        yaw=sampled(attitude.yaw),
        pitch=sampled(attitude.pitch),
        roll=sampled(attitude.roll),
        tilt=sampled(attitude.tilt),
        forewing_angle=sampled(attitude.forewing_angle),
        hindwing_angle=sampled(attitude.hindwing_angle),
        wing_speed=sampled(attitude.wing_speed * STEPS_PER_SECOND / frames_per_second),
        tint_strength=sampled(tint_strength),
        opacity=opacity,
        blur_px=sampled(BLUR_SHARE * too_near * size_px, PIXEL_GRID),
        depth=sampled(position[..., 2]),
        lift=sampled(np.clip(age, 0, 1) ** 2 * 6),
    )


def _at_times(values: NDArray[np.float64], seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values (k, ...) on the simulation's steps, linearly interpolated at times (m,): (m, ...)."""
    position = np.clip(seconds * STEPS_PER_SECOND, 0, len(values) - 1)
    below = np.minimum(position.astype(int), len(values) - 2)
    share = (position - below).reshape(-1, *[1] * (values.ndim - 1))
    return values[below] * (1 - share) + values[below + 1] * share
