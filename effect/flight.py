"""Where the butterflies fly: seeded paths from their anchors to somewhere out of sight.

World units: the frame's height is 1, x to the right, y up, z toward the camera, seconds. Steering follows
Reynolds, "Steering behaviors for autonomous characters" (1999): a wanted velocity, approached with a lag.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from effect.preset import Preset

Array = NDArray[np.float64]

STEPS_PER_SECOND = 60  # of the simulation; fixed, so that a clip flies the same way at every fps
CAMERA_DISTANCE = 2.6
STEERING_SECONDS = 0.30
CRUISE = (0.20, 0.38)  # frame heights a second
WAVES = 16  # of the curl noise
WAVELENGTHS = (0.25, 0.95)  # frame heights
FAR_DEPTH = -2.0  # those that want to be beyond this are lost in the distance instead of leaving the frame
CLOSING_SECONDS = 0.5  # a butterfly still in the air at the end shrinks away in this time
FREE_SECONDS, LANDING_SECONDS = 1.2, 2.4  # of one that settles: its own way first, then toward the perch
OFF_FRAME_SIZES = 1.8  # forewing lengths from its centre at which a butterfly is surely out of the picture


@dataclass(frozen=True)
class Launch:
    """Who takes off, where and when: n butterflies on their anchors, and the sky they leave through."""

    start: Array  # (n, 2) world
    size: Array  # (n,) forewing length in frame heights
    take_off_seconds: Array  # (n,)
    clear_seconds: float  # when the last one is gone
    aspect: float  # frame width over height
    perch: Array  # (n, 2) world: where it settles, nan for those that leave


@dataclass(frozen=True)
class Flight:
    """Paths of n butterflies over k steps, in the order of departure (a reversed clip plays them backward).

    `position` (k, n, 3) world; `presence` (k, n) 1 while in sight, 0 once gone; `settled` (k, n) 0 while in the
    air, 1 on a perch; `stays` (n,) for those that are there to the end.
    """

    position: Array
    presence: Array
    settled: Array
    stays: NDArray[np.bool_]


@dataclass(frozen=True)
class Drift:
    """What one butterfly wants, (n,) or (n, 3): fixed for its whole life."""

    speed: Array
    swirl: Array
    depth: Array
    rise: Array  # (n, 2) direction of the first wing beats
    haunt: Array  # (n, 2) on screen
    exit_heading: Array
    clear_seconds: Array


class CurlNoise:
    """Divergence-free gusts: the curl of a sum of random plane waves.

    After Bridson et al., "Curl-noise for procedural fluid flow" (2007).
    """

    def __init__(self, generator: np.random.Generator) -> None:
        direction = _unit(generator.standard_normal((WAVES, 3)))
        self.wave = direction * (2 * np.pi / generator.uniform(*WAVELENGTHS, (WAVES, 1)))
        self.push = np.cross(direction, generator.standard_normal((WAVES, 3))) / np.sqrt(WAVES / 2)
        self.beat = generator.uniform(-1.6, 1.6, WAVES)
        self.phase = generator.uniform(0, 2 * np.pi, WAVES)

    def __call__(self, position: Array, seconds: float) -> Array:
        return np.cos(position @ self.wave.T + self.beat * seconds + self.phase) @ self.push


def fly(launch: Launch, steps: int, preset: Preset, generator: np.random.Generator) -> Flight:
    """Fly the butterflies from their anchors for `steps` steps; all are gone at `launch.clear_seconds`."""
    drift = _drift(launch, preset, generator)
    position = _integrate(launch, drift, steps, preset, generator)
    seconds = np.arange(steps)[:, None] / STEPS_PER_SECOND
    outside = off_frame(position, launch.size, launch.aspect) & (seconds > launch.take_off_seconds)
    never_back = np.logical_or.accumulate(outside, axis=0)
    closing = smooth((launch.clear_seconds - seconds) / CLOSING_SECONDS)
    fading = _lost_in_the_distance(position, drift, seconds)
    presence = np.where(never_back, 0.0, closing * fading)
    stays = ~np.isnan(launch.perch[:, 0])
    landing = np.where(stays, _landing(launch, seconds, preset), 0.0)
    perch = np.concatenate([np.where(stays[:, None], launch.perch, 0.0), np.zeros((len(stays), 1))], axis=1)
    position += (perch - position) * smooth(landing)[..., None]
    return Flight(position, np.where(stays, 1.0, presence), smooth((landing - 0.9) / 0.1), stays)


def perspective(depth: Array) -> Array:
    """Size on screen relative to the photo's plane."""
    return CAMERA_DISTANCE / (CAMERA_DISTANCE - np.clip(depth, -40.0, 1.9))


def on_screen(position: Array, aspect: float) -> Array:
    """World (..., 3) to screen (..., 2), still in frame heights with y up. Distance pulls toward the sky."""
    vanishing = np.array([aspect / 2, 0.62])
    return vanishing + (position[..., :2] - vanishing) * perspective(position[..., 2])[..., None]


def off_frame(position: Array, size: Array, aspect: float) -> NDArray[np.bool_]:
    screen = on_screen(position, aspect)
    margin = OFF_FRAME_SIZES * size * perspective(position[..., 2])
    beyond_side = np.abs(screen[..., 0] - aspect / 2) > aspect / 2 + margin
    return beyond_side | (np.abs(screen[..., 1] - 0.5) > 0.5 + margin)


def smooth(value: Array) -> Array:
    """Smoothstep of a value clipped to 0-1."""
    value = np.clip(value, 0.0, 1.0)
    return value * value * (3 - 2 * value)


def _landing(launch: Launch, seconds: Array, preset: Preset) -> Array:
    """How far (0-1) each has come to its perch, were it to have one, (k, n): there when the last ones leave."""
    lasting = np.maximum(LANDING_SECONDS / preset.speed, 0.5)
    latest = launch.clear_seconds - CLOSING_SECONDS - lasting
    begin = np.minimum(launch.take_off_seconds + FREE_SECONDS / preset.speed, latest)
    return np.clip((seconds - np.maximum(begin, launch.take_off_seconds)) / lasting, 0, 1)


def _drift(launch: Launch, preset: Preset, generator: np.random.Generator) -> Drift:
    aspect, count = launch.aspect, len(launch.start)
    kind = generator.random(count)
    near, far = kind < preset.near_share, kind > 1 - preset.far_share
    depth = generator.uniform(-0.5, 0.35, count)
    depth = np.where(near, generator.uniform(0.5, 1.35, count), depth)
    depth = np.where(far, -generator.uniform(5.0, 11.0, count), depth)

    haunt = generator.uniform((0.06, 0.12), (0.94, 0.88), (count, 2)) * (aspect, 1)
    haunt[:, 0] += 1.5 * preset.wind
    onward = haunt - (aspect / 2, 0.2)
    angle = np.arctan2(onward[:, 1], onward[:, 0]) + generator.normal(0, 0.4, count)
    exit_heading = np.stack([np.cos(angle), np.sin(angle), np.zeros(count)], axis=1)
    lean = generator.normal(0, 0.7, count)

    # Leaving in one rush at the deadline would look like a signal: each has a deadline of its own.
    stay = generator.uniform(1.4, 3.6, count) / preset.speed
    latest = (
        launch.clear_seconds - CLOSING_SECONDS - generator.uniform(0.0, 0.4, count) * preset.linger_seconds
    )
    stays = ~np.isnan(launch.perch[:, 0])
    depth = np.where(stays, 0.1, depth)
    haunt = np.where(stays[:, None], launch.perch, haunt)
    latest = np.where(stays, np.inf, latest)
    stay = np.where(stays, np.inf, stay)
    return Drift(
        speed=generator.uniform(*CRUISE, count) * preset.speed,
        swirl=generator.choice([-1.0, 1.0], count, p=[0.35, 0.65]),
        depth=depth,
        rise=np.stack([np.sin(lean), np.cos(lean)], axis=1),
        haunt=haunt,
        exit_heading=exit_heading,
        clear_seconds=np.minimum(launch.take_off_seconds + stay, latest),
    )


def _integrate(
    launch: Launch, drift: Drift, steps: int, preset: Preset, generator: np.random.Generator
) -> Array:
    start, count = launch.start, len(launch.start)
    gusts = CurlNoise(generator)
    restless = _restlessness(steps, count, generator)
    middle = start.mean(axis=0) if count else np.zeros(2)
    wind = np.array([preset.wind, 0.0, 0.0])
    position = np.concatenate([start, np.zeros((count, 1))], axis=1)
    velocity = np.zeros_like(position)
    path = np.empty((steps, count, 3))
    step_seconds = 1 / STEPS_PER_SECOND
    for step in range(steps):
        path[step] = position
        age = step * step_seconds - launch.take_off_seconds
        aloft = np.clip(age, 0, None)[:, None]
        urge = (
            _natural_urge(position, middle, aloft, drift)
            + 1.15 * preset.wildness * gusts(position, step * step_seconds)
            + 0.55 * preset.wildness * restless[step]
            + _homing(position, aloft, drift, launch.aspect)
        )
        urge[:, 2] += 1.4 * (drift.depth - position[:, 2])
        wanted = drift.speed[:, None] * (1 + 0.5 * np.exp(-aloft / 0.5)) * urge + wind
        wanted = _hurry_out(wanted, position, drift, launch, step * step_seconds)
        velocity += np.where(age[:, None] > 0, (wanted - velocity) * (step_seconds / STEERING_SECONDS), 0)
        position = position + velocity * step_seconds
    return path


def _natural_urge(position: Array, middle: Array, aloft: Array, drift: Drift) -> Array:
    """Up at first, around the person, then away from them."""
    across = position[:, :1] - middle[0]
    deep = position[:, 2:]
    around = np.concatenate([deep, np.zeros_like(deep), -across], axis=1)
    around /= np.linalg.norm(around, axis=1, keepdims=True) + 0.08
    away = np.concatenate([across, 0.25 * (position[:, 1:2] - middle[1]), np.zeros_like(deep)], axis=1)
    away /= np.linalg.norm(away, axis=1, keepdims=True) + 0.15
    urge = 0.55 * drift.swirl[:, None] * around + 0.6 * np.clip(aloft / 1.2, 0, 1) * away
    urge[:, :2] += drift.rise * np.exp(-aloft / 1.1)
    urge[:, 1] += 0.08
    return urge


def _homing(position: Array, aloft: Array, drift: Drift, aspect: float) -> Array:
    """A pull toward each one's own part of the picture: the swarm fills it until it is time to go."""
    away = drift.haunt - on_screen(position, aspect)
    pull = 1.1 * away / (np.linalg.norm(away, axis=1, keepdims=True) + 0.2) * smooth((aloft - 0.3) / 1.2)
    return np.concatenate([pull, np.zeros((len(position), 1))], axis=1)


def _restlessness(steps: int, count: int, generator: np.random.Generator) -> Array:
    """Ornstein-Uhlenbeck wandering (steps, n, 3) with saccades: sudden turns, about 0.9 a second."""
    step_seconds = 1 / STEPS_PER_SECOND
    shocks = 2.0 * np.sqrt(step_seconds) * generator.standard_normal((steps, count, 3))
    turns = (generator.random((steps, count)) < 0.9 * step_seconds) * generator.standard_normal(
        (steps, count)
    )
    shocks[..., 0] += 1.6 * turns
    shocks[..., 1] += 0.5 * np.abs(turns) * generator.choice([-1.0, 1.0], (steps, count))
    wander = np.zeros((steps, count, 3))
    for step in range(1, steps):
        wander[step] = wander[step - 1] * (1 - step_seconds / 0.35) + shocks[step]
    return wander


def _hurry_out(wanted: Array, position: Array, drift: Drift, launch: Launch, seconds: float) -> Array:
    """Turn toward the way out, and faster, the more the time left falls short at a cruising speed."""
    zoom = perspective(position[:, 2])
    screen = on_screen(position, launch.aspect)
    margin = OFF_FRAME_SIZES * launch.size * zoom
    heading = drift.exit_heading[:, :2]
    to_side = np.where(heading[:, 0] > 0, launch.aspect - screen[:, 0], screen[:, 0]) + margin
    to_end = np.where(heading[:, 1] > 0, 1 - screen[:, 1], screen[:, 1]) + margin
    path = np.minimum(to_side / (np.abs(heading[:, 0]) + 1e-3), to_end / (np.abs(heading[:, 1]) + 1e-3))
    time_left = drift.clear_seconds - seconds
    needed = np.minimum(np.clip(path, 0, None) / zoom / np.maximum(time_left, 0.2), 4.0)
    urgency = np.maximum(smooth((needed - 0.6 * drift.speed) / drift.speed), smooth(1 - time_left / 0.4))
    urgency = np.where(drift.depth < FAR_DEPTH, 0.0, urgency)[:, None]
    out = drift.exit_heading * np.maximum(1.15 * needed, 1.3 * drift.speed)[:, None]
    return wanted * (1 - urgency) + (out + 0.35 * wanted) * urgency


def _lost_in_the_distance(position: Array, drift: Drift, seconds: Array) -> Array:
    """Butterflies that fly into the depth dissolve in the haze when they are small."""
    zoom = perspective(position[..., 2])
    hazy = smooth((zoom - 0.16) / 0.16)
    in_time = smooth((drift.clear_seconds + 0.4 - seconds) / 0.8)
    return np.where(drift.depth < FAR_DEPTH, hazy * in_time, 1.0)


def _unit(vectors: Array) -> Array:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
