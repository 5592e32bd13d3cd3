"""The swarm of a clip: every butterfly's pose in every frame."""

from __future__ import annotations

from dataclasses import dataclass, fields
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from effect.anchors import Anchors
from effect.butterflies import POSE, POSE_NUMBERS
from effect.flight import STEPS_PER_SECOND, Flight, Launch, fly, on_screen, perspective
from effect.preset import Preset
from effect.wingbeat import hold, peeled

Array = NDArray[np.float64]

PIXEL_GRID = 64  # poses are rounded to 1/64 px and 1/4096 rad or share: far below what shows, but above the
FINE_GRID = 4096  # last digits in which mathematical libraries differ, so frames agree on every machine
FOCUS_DEPTH = 0.25  # butterflies nearer to the camera than this get out of focus ...
BLUR_SHARE = 0.075  # ... by this share of their size for each doubling of it
FIRST_SIZE = 0.4  # of its own, with which a butterfly begins to show: smaller ones would be dark specks
LIFT_SIZES = 6.0  # forewing lengths a butterfly is above the person a second after take-off


@dataclass(frozen=True)
class Swarm:
    """Poses of n butterflies in every frame: arrays (frames, n) float32 unless noted; see `Pose`.

    `lift` is how far a butterfly is off the person, in forewing lengths; `depth` is nearness to the camera.
    """

    species: tuple[str, ...]  # (n,)
    patch_place: NDArray[np.float32]  # (n, 3) where on the person each one lay: x and y in pixels, yaw
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
    patch_px: NDArray[np.float32]  # size of the patch of the person that it carries
    tint_strength: NDArray[np.float32]  # how much of the patch is to be seen
    opacity: NDArray[np.float32]
    blur_px: NDArray[np.float32]
    depth: NDArray[np.float32]
    lift: NDArray[np.float32]

    def visible(self, frame: int) -> NDArray[np.intp]:
        """Butterflies to draw in a frame, the farthest first."""
        order = np.argsort(self.depth[frame], kind="stable")
        return order[self.opacity[frame, order] > 0]

    def poses(self, frame: int, butterflies: NDArray[np.intp]) -> NDArray[np.void]:
        """Of these butterflies in a frame: POSE (m,), where `kind` counts in `kinds`."""
        poses = np.empty(len(butterflies), POSE)
        for name in POSE_NUMBERS:
            poses[name] = getattr(self, name)[frame, butterflies]
        place = self.patch_place[butterflies].T
        poses["patch_x_px"], poses["patch_y_px"], poses["patch_yaw"] = place
        poses["patch_size_px"] = self.patch_px[frame, butterflies]
        poses["patch_strength"] = self.tint_strength[frame, butterflies]
        poses["kind"] = self._kind[butterflies]
        return poses

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        """The species that there are, each once, in alphabetical order."""
        return tuple(sorted(set(self.species)))

    @cached_property
    def _kind(self) -> NDArray[np.int64]:
        return np.array([self.kinds.index(name) for name in self.species], np.int64)


def plan_swarm(
    anchors: Anchors,
    perches: Array,
    frame_size: tuple[int, int],
    preset: Preset,
    frame_count: int,
    fps: Fraction,
    generator: np.random.Generator,
) -> Swarm:
    """Simulate one way of the clip, then sample it at its frames. `frame_size` is (width, height) in pixels.

    `perches` (m, 2) are the places, in pixels, on which m butterflies settle instead of leaving.

    A reversed clip is the same flight with time running backward; heads and wings follow the playback.
    """
    width, height = frame_size
    launch = Launch(
        start=np.stack([anchors.x_px / height, 1 - anchors.y_px / height], axis=1),
        size=anchors.size_px / height,
        take_off_seconds=anchors.take_off_seconds,
        clear_seconds=preset.photo_still_seconds + preset.sweep_end_seconds + preset.linger_seconds,
        aspect=width / height,
        perch=_assigned(anchors, perches, height),
    )
    steps = int(np.ceil(preset.one_way_seconds * STEPS_PER_SECOND)) + 2
    flight = fly(launch, steps, preset, generator)

    clock = np.arange(steps) / STEPS_PER_SECOND
    departed = float((frame_count - 1) / fps) - clock if preset.reverse else clock
    simulated = _played(
        flight, launch, departed, anchors.peel_seconds, anchors.yaw, height, preset, float(fps), generator
    )
    frames = np.arange(frame_count) / float(fps)
    sampled = {name: _on_grid(name, _at_times(values, frames)) for name, values in simulated.items()}
    sampled["opacity"][0] = 0
    sampled["opacity"][-1, ~flight.stays] = 0
    place = np.stack([anchors.x_px, anchors.y_px, anchors.yaw], axis=1).astype(np.float32)
    return Swarm(species=anchors.species, patch_place=place, **sampled)


def out_and_back(out: Swarm, back: Swarm, frame_count: int) -> Swarm:
    """The frames of both ways in a row. They share the empty frame in the middle; the photo comes only once."""
    frames_back = frame_count - len(out.x_px)
    joined: dict[str, NDArray[np.float32]] = {
        field.name: np.concatenate(
            [getattr(out, field.name), getattr(back, field.name)[-frames_back - 1 : -1]]
        )
        for field in fields(Swarm)
        if field.name not in ("species", "patch_place")
    }
    return Swarm(species=out.species, patch_place=out.patch_place, **joined)


def _assigned(anchors: Anchors, perches: Array, height: int) -> Array:
    """Where each butterfly settles (n, 2) in world units, nan for those that leave.

    The largest of those that take off in the second half: they are not forgotten before the clip ends.
    """
    assigned = np.full((len(anchors.x_px), 2), np.nan)
    free = (
        anchors.take_off_seconds >= np.median(anchors.take_off_seconds)
        if len(assigned)
        else np.zeros(0, bool)
    )
    for x_px, y_px in perches:
        if not free.any():
            break
        chosen = int(np.argmax(np.where(free, anchors.size_px, -np.inf)))
        assigned[chosen] = x_px / height, 1 - y_px / height
        free[chosen] = False
    return assigned


def _played(
    flight: Flight,
    launch: Launch,
    departed: Array,
    peel_seconds: Array,
    rest_yaw: Array,
    height: int,
    preset: Preset,
    frames_per_second: float,
    generator: np.random.Generator,
) -> dict[str, Array]:
    """Everything a Swarm holds, (k, n), step by step in playback; `departed` (k,) is the flight's clock."""
    position, presence = _at_times(flight.position, departed), _at_times(flight.presence, departed)
    age = departed[:, None] - launch.take_off_seconds
    screen, zoom = on_screen(position, launch.aspect), perspective(position[..., 2])
    settled = _at_times(flight.settled, departed)
    attitude = hold(position, screen, age, peel_seconds, settled, rest_yaw, frames_per_second, generator)
    grown = peeled(age, peel_seconds)
    patch_px = height * launch.size * (FIRST_SIZE + (1 - FIRST_SIZE) * grown)
    size_px = patch_px * zoom * np.sqrt(presence)
    too_near = np.clip(np.log2(zoom) - FOCUS_DEPTH, 0, None)
    return {
        "x_px": screen[..., 0] * height,
        "y_px": (1 - screen[..., 1]) * height - attitude.bob * size_px,
        "size_px": size_px,
        "yaw": attitude.yaw,
        "pitch": attitude.pitch,
        "roll": attitude.roll,
        "tilt": attitude.tilt,
        "forewing_angle": attitude.forewing_angle,
        "hindwing_angle": attitude.hindwing_angle,
        "wing_speed": attitude.wing_speed * STEPS_PER_SECOND / frames_per_second,
        "patch_px": patch_px,
        "tint_strength": np.exp(-np.clip(age, 0, None) / max(preset.tint_seconds, 1e-3)),
        "opacity": presence * np.clip(2 * grown, 0, 1),
        "blur_px": BLUR_SHARE * too_near * size_px,
        "depth": position[..., 2],
        "lift": LIFT_SIZES * np.clip(age, 0, 1) ** 2,
    }


def _on_grid(name: str, values: Array) -> NDArray[np.float32]:
    grid = PIXEL_GRID if name.endswith("_px") else FINE_GRID
    return (np.rint(values * grid) / grid).astype(np.float32)


def _at_times(values: NDArray[np.float64], seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values (k, ...) on the simulation's steps, linearly interpolated at times (m,): (m, ...)."""
    position = np.clip(seconds * STEPS_PER_SECOND, 0, len(values) - 1)
    below = np.minimum(position.astype(int), len(values) - 2)
    share = (position - below).reshape(-1, *[1] * (values.ndim - 1))
    return values[below] * (1 - share) + values[below + 1] * share
