"""Flight: everybody leaves, nobody jumps, and they fly head first with beating wings."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from effect.flight import STEPS_PER_SECOND, CurlNoise, Flight, Launch, fly, off_frame, on_screen, perspective
from effect.preset import Preset, load_preset
from effect.wingbeat import Attitude, hold, peeled

ASPECT = 0.75
COUNT = 60
STEPS = 6 * STEPS_PER_SECOND
SIZE = np.full(COUNT, 0.04)
TAKE_OFF = np.linspace(0.8, 3.0, COUNT)
CLEAR_SECONDS = 5.5
SECONDS = np.arange(STEPS)[:, None] / STEPS_PER_SECOND
REST_YAW = np.random.default_rng(3).normal(0, 1, COUNT)


def fresh(seed: int = 1, **overrides: str) -> Flight:
    generator = np.random.default_rng(seed)
    start = generator.uniform((0.25, 0.2), (0.5, 0.9), (COUNT, 2))
    preset: Preset = load_preset("classic", overrides)
    return fly(
        Launch(start, SIZE, TAKE_OFF, CLEAR_SECONDS, ASPECT, np.full((COUNT, 2), np.nan)),
        STEPS,
        preset,
        generator,
    )


flown = cache(fresh)


@cache
def attitudes(frames_per_second: float = 30.0) -> Attitude:
    return held(flown(), frames_per_second)


def held(flight: Flight, frames_per_second: float = 30.0) -> Attitude:
    screen = on_screen(flight.position, ASPECT)
    peel = np.full(COUNT, 0.6)
    return hold(
        flight.position,
        screen,
        SECONDS - TAKE_OFF,
        peel,
        flight.settled,
        REST_YAW,
        frames_per_second,
        np.random.default_rng(2),
    )


def test_they_sit_until_they_take_off_and_then_move() -> None:
    flight = flown()
    sitting = np.broadcast_to((SECONDS <= TAKE_OFF)[..., None], flight.position.shape)
    still = np.broadcast_to(flight.position[0], flight.position.shape)
    assert np.array_equal(flight.position[sitting], still[sitting])
    assert (np.linalg.norm(flight.position[-1] - flight.position[0], axis=1) > 0.1).all()


@pytest.mark.parametrize(
    "overrides", [{}, {"speed": "0.3"}, {"wildness": "4"}, {"wind": "-1"}, {"far_share": "0.7"}]
)
def test_the_air_is_clear_in_time(overrides: dict[str, str]) -> None:
    presence = flown(**overrides).presence
    assert (presence[: int(0.8 * STEPS_PER_SECOND)] == 1).all()
    assert (presence[SECONDS[:, 0] >= CLEAR_SECONDS] == 0).all()


def test_nearly_all_leave_through_the_frame_or_into_the_distance_rather_than_fade() -> None:
    flight = flown()
    closing = int((CLEAR_SECONDS - 0.5) * STEPS_PER_SECOND)
    assert (flight.presence[closing] > 0).mean() < 0.15


def test_presence_only_jumps_out_of_sight() -> None:
    flight = flown()
    fall = -np.diff(flight.presence, axis=0)
    assert (fall > -1e-9).all(), "someone came back"
    outside = off_frame(flight.position, SIZE, ASPECT)[1:]
    assert fall[~outside].max() < 0.06


@pytest.mark.parametrize("overrides", [{}, {"speed": "2"}, {"wildness": "2"}])
def test_paths_are_continuous_and_curved(overrides: dict[str, str]) -> None:
    flight = flown(**overrides)
    screen = on_screen(flight.position, ASPECT)
    step = np.linalg.norm(np.diff(screen, axis=0), axis=2)
    inside = flight.presence[1:] > 0
    assert step[inside].max() < 3 / STEPS_PER_SECOND  # frame heights a second, hurrying out included
    length = np.where(inside, step, 0).sum(axis=0)
    last = np.maximum(inside.sum(axis=0) - 1, 0)
    straight = np.linalg.norm(screen[last, np.arange(COUNT)] - screen[0], axis=1)
    assert np.median(length / np.maximum(straight, 1e-3)) > 1.05


def test_some_come_near_and_some_go_far() -> None:
    zoom = perspective(flown().position[..., 2])
    assert (zoom.max(axis=0) > 1.2).sum() >= 5
    assert (zoom.min(axis=0) < 0.5).sum() >= 4


def test_curl_noise_neither_gathers_nor_spreads() -> None:
    gusts = CurlNoise(np.random.default_rng(5))
    spots = np.random.default_rng(6).uniform(0, 1, (200, 3))
    reach = 1e-4
    divergence = sum(
        (gusts(spots + reach * axis, 1.0) - gusts(spots - reach * axis, 1.0)) @ axis for axis in np.eye(3)
    ) / (2 * reach)
    assert np.abs(divergence).max() < 1e-5
    assert 0.5 < gusts(spots, 1.0).std() < 2


def test_they_fly_head_first() -> None:
    flight = flown(near_share="0", far_share="0")
    attitude = held(flight)
    velocity = np.gradient(on_screen(flight.position, ASPECT), 1 / STEPS_PER_SECOND, axis=0)
    speed = np.linalg.norm(velocity, axis=2)
    cruising = (SECONDS - TAKE_OFF > 0.8) & (speed > 0.15) & (flight.presence > 0)
    head = np.stack([-np.sin(attitude.yaw), np.cos(attitude.yaw)], axis=2)
    agreement = (head * velocity).sum(axis=2) / np.maximum(speed, 1e-9)
    assert agreement[cruising].mean() > 0.75


def test_heads_point_in_many_directions() -> None:
    attitude = attitudes()
    age = SECONDS - TAKE_OFF
    sitting, flying = attitude.yaw[age < 0], attitude.yaw[age > 0.8]
    assert np.abs(np.exp(1j * sitting).mean()) < 0.75
    assert np.abs(np.exp(1j * flying).mean()) < 0.75


@pytest.mark.parametrize("frames_per_second", [12.0, 24.0, 60.0])
def test_beats_never_strobe(frames_per_second: float) -> None:
    attitude = attitudes(frames_per_second)
    aloft = SECONDS[:, 0] > 3.2
    up_crossings = ((attitude.forewing_angle[1:] > 0.2) & (attitude.forewing_angle[:-1] <= 0.2))[
        aloft[1:]
    ].sum(axis=0)
    beats_per_second = up_crossings / (aloft.sum() / STEPS_PER_SECOND)
    assert beats_per_second.mean() > 0.4
    assert beats_per_second.max() <= frames_per_second / 5 + 1


def test_wings_move_smoothly_even_at_take_off() -> None:
    attitude = attitudes()
    turn = np.abs(np.diff(attitude.forewing_angle, axis=0))
    assert turn.max() < 2 * np.pi * 7 * 1.5 * 1.4 / STEPS_PER_SECOND
    assert attitude.forewing_angle.max() <= 1.45


def test_glides_happen_but_not_in_the_first_second() -> None:
    attitude = attitudes()
    age = SECONDS - TAKE_OFF
    resting_wings = np.abs(np.diff(attitude.forewing_angle, axis=0)) < 0.02
    assert resting_wings[(age[1:] > 1.2)].mean() > 0.15
    assert resting_wings[(age[1:] > 0.2) & (age[1:] < 0.9)].mean() < 0.15


def test_peeling_grows_from_nothing_to_full_size() -> None:
    age = np.linspace(-1, 0.5, 200)
    size = peeled(age, np.array(0.6))
    assert size[age <= -0.6].max() == 0
    assert size[age >= 0].min() == 1
    assert (np.diff(size) >= 0).all()


def test_a_seed_decides_the_flight() -> None:
    again = fresh()
    assert np.array_equal(flown().position, again.position)
    assert not np.array_equal(flown().position, flown(8).position)


def test_nobody_is_fine() -> None:
    launch = Launch(np.zeros((0, 2)), np.zeros(0), np.zeros(0), 3.0, 1.0, np.zeros((0, 2)))
    flight = fly(launch, 10, load_preset("classic"), np.random.default_rng(0))
    assert flight.position.shape == (10, 0, 3)
