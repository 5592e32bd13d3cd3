"""How the butterflies hold themselves on the way: heading, bank, wing beats, and the way they peel off.

Everything here runs in the order of playback, so in a reversed clip, too, they fly head first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from effect.flight import STEPS_PER_SECOND, smooth

Array = NDArray[np.float64]

BEATS_PER_SECOND = (4.6, 7.0)
FRAMES_PER_BEAT = 5  # real butterflies beat faster than this shows; fewer frames would strobe
PEEL_BEATS = 2.0  # slow beats with which a butterfly comes off the person
HINDWING_LAG = 0.16  # radians
FLAP_SECONDS, GLIDE_SECONDS = (0.5, 1.4), (0.18, 0.55)
GATE_SECONDS = 0.07
RESTING_ANGLE, RESTING_SWING, RESTING_SECONDS = 0.75, 0.5, 2.8  # wings that open and close on a perch
HEADING_SECONDS = 0.18
BANK_SECONDS = 0.15


@dataclass(frozen=True)
class Attitude:
    """Arrays (k, n), radians; `bob` is the body's lift in forewing lengths."""

    yaw: Array
    pitch: Array
    roll: Array
    tilt: Array
    forewing_angle: Array
    hindwing_angle: Array
    wing_speed: Array
    bob: Array


def hold(
    position: Array,
    screen: Array,
    age: Array,
    peel_seconds: Array,
    settled: Array,
    rest_yaw: Array,
    frames_per_second: float,
    generator: np.random.Generator,
) -> Attitude:
    """Attitudes along paths in playback order.

    `position` (k, n, 3) and `screen` (k, n, 2) in frame heights; `age` (k, n) seconds since each left the
    person (in a reversed clip, until it lands), negative while it still sits; `peel_seconds` (n,); `settled`
    (k, n) 0-1, how far it sits somewhere else; `rest_yaw` (n,) how it lies on the person.
    """
    steps, count = age.shape
    velocity = np.gradient(screen, 1 / STEPS_PER_SECOND, axis=0) if steps > 1 else np.zeros_like(screen)
    approach = (
        np.gradient(position[..., 2], 1 / STEPS_PER_SECOND, axis=0) if steps > 1 else np.zeros_like(age)
    )
    free = smooth(age / 0.35) * (1 - settled)
    gate = _flap_gate(age, generator)
    yaw, bank = _heading(velocity, approach, age, rest_yaw)
    beats = generator.uniform(*BEATS_PER_SECOND, (count,))
    phase = _beat_phase(velocity[..., 1], gate, age, frames_per_second, beats)

    lean = generator.normal(0, 0.22, count)
    climb = np.clip(velocity[..., 1] / 0.4, -1, 1)
    tilt = np.clip(0.55 - 0.3 * climb + 0.25 * gate + generator.normal(0, 0.18, count), 0.1, 1.2)
    resting = RESTING_ANGLE + RESTING_SWING * np.sin(2 * np.pi * age / RESTING_SECONDS)
    forewing, hindwing = (
        _wing_angle(phase, gate, age, peel_seconds, lag) * (1 - settled) + resting * settled
        for lag in (0.0, HINDWING_LAG)
    )
    return Attitude(
        yaw=np.unwrap(yaw, axis=0),
        pitch=0.22 * gate * np.sin(phase - 2.0) * free,
        roll=bank + lean * (0.4 + 0.6 * free),
        tilt=0.05 + tilt * free,
        forewing_angle=forewing,
        hindwing_angle=hindwing,
        wing_speed=np.abs(np.gradient(forewing, axis=0)) if steps > 1 else np.zeros_like(forewing),
        bob=0.30 * gate * np.sin(phase - 0.55 * np.pi) * smooth(age / 0.2) * (1 - settled),
    )


def peeled(age: Array, peel_seconds: Array) -> Array:
    """How far (0-1) a butterfly has grown out of the person."""
    grown = np.clip(1 + age / np.maximum(peel_seconds, 1e-3), 0, 1)
    return grown * (2 - grown) * smooth(grown / 0.4)


def _flap_gate(age: Array, generator: np.random.Generator) -> Array:
    """1 while flapping, 0 while gliding, softly switched; no glide in the first second of flight."""
    steps, count = age.shape
    rounds = int(np.ceil(max(age.max(initial=0.0), 0.0) / (FLAP_SECONDS[0] + GLIDE_SECONDS[0]))) + 1
    flaps = generator.uniform(*FLAP_SECONDS, (rounds, count))
    glides = generator.uniform(*GLIDE_SECONDS, (rounds, count))
    glide_ends = 1.0 + np.cumsum(flaps + glides, axis=0) - FLAP_SECONDS[0]
    gate = np.ones((steps, count))
    for begin, end in zip(glide_ends - glides, glide_ends, strict=True):
        gate -= smooth((age - begin) / GATE_SECONDS) * smooth((end - age) / GATE_SECONDS)
    return np.clip(gate, 0, 1)


def _heading(velocity: Array, approach: Array, age: Array, rest_yaw: Array) -> tuple[Array, Array]:
    """Yaw of the body and bank into the turns.

    The camera looks slightly down on the flight, so coming nearer reads as flying down the picture.
    """
    steps, count = age.shape
    forward = velocity[..., 0] + 1j * (0.85 * velocity[..., 1] - 0.5 * approach + 0.02)
    forward /= np.abs(forward) + 1e-9
    rest = 1j * np.exp(1j * rest_yaw)
    airborne = smooth((age - 0.02) / 0.3)
    wanted = rest * (1 - airborne) + forward * airborne
    facing, bank = wanted[0], np.zeros(count)
    yaw, banks = np.empty((steps, count)), np.empty((steps, count))
    turn, lean = 1 / (STEPS_PER_SECOND * HEADING_SECONDS), 1 / (STEPS_PER_SECOND * BANK_SECONDS)
    for step in range(steps):
        off = np.angle(wanted[step] * np.conj(facing))
        facing = facing * np.exp(1j * off * turn)
        bank = bank + (np.clip(1.6 * off, -0.95, 0.95) * airborne[step] - bank) * lean
        yaw[step], banks[step] = np.angle(facing) - np.pi / 2, bank
    return yaw, banks


def _beat_phase(climb: Array, gate: Array, age: Array, frames_per_second: float, beats: Array) -> Array:
    """Phase of the wing beat, radians; 0 at the moment of leaving (or reaching) the person."""
    effort = np.clip(1 + 0.5 * climb / 0.3, 0.75, 1.45) * (1 + 0.35 * np.exp(-np.clip(age, 0, None) / 0.4))
    rate = np.minimum(beats * effort, frames_per_second / FRAMES_PER_BEAT) * np.clip(gate, 0.05, 1)
    phase = 2 * np.pi * np.cumsum(rate, axis=0) / STEPS_PER_SECOND
    at_rest = np.argmin(np.abs(age), axis=0)
    return phase - np.take_along_axis(phase, at_rest[None], axis=0)


def _wing_angle(phase: Array, gate: Array, age: Array, peel_seconds: Array, lag: float) -> Array:
    """Wing angle over the body, radians: 0 flat, 1.45 closed. Slow opening beats while it peels off."""
    flying = (
        0.18
        + 0.10 * (1 - gate)
        + (0.35 + 0.75 * gate) * (np.sin(phase - lag) + 0.12 * np.sin(2 * (phase - lag)))
    )
    grown = np.clip(1 + age / np.maximum(peel_seconds, 1e-3), 0, 1)
    peeling = 0.05 + np.sin(np.pi * PEEL_BEATS * grown - lag * grown * (1 - grown)) ** 2 * (1.1 - 0.8 * grown)
    aloft = smooth(age / 0.12)
    return np.clip(peeling * (1 - aloft) + flying * aloft, -0.9, 1.45)
