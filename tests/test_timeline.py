"""The plan of a clip: everything drawn once, everybody on time, nobody pops in or out."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from scenes import figure_scene

from effect.preset import load_preset
from effect.scene import Scene
from effect.swarm import FINE_GRID, PIXEL_GRID, Swarm
from effect.timeline import Timeline, estimate_light, plan

SCENE = figure_scene()
HEIGHT, WIDTH = SCENE.alpha.shape
FPS = Fraction(30)


def fresh(
    name: str = "classic", seed: int = 1, fps: Fraction = FPS, scene: Scene = SCENE, **overrides: str
) -> Timeline:
    return plan(scene.subject, load_preset(name, overrides), seed, fps)


@cache
def planned(name: str = "classic") -> Timeline:
    return fresh(name)


def in_frame(swarm: Swarm) -> np.ndarray:
    """Butterflies of which some part may show, (frames, n)."""
    reach = 1.5 * swarm.size_px + 2 * swarm.blur_px
    beside = (swarm.x_px < -reach) | (swarm.x_px > WIDTH + reach)
    return (swarm.opacity > 0) & ~beside & (swarm.y_px > -reach) & (swarm.y_px < HEIGHT + reach)


@pytest.mark.parametrize(("fps", "frames"), [(FPS, 222), (Fraction(24000, 1001), 177), (Fraction(5), 37)])
def test_frames_of_a_clip(fps: Fraction, frames: int) -> None:
    timeline = fresh(fps=fps, butterflies="5")
    assert (timeline.frame_count, timeline.fps) == (frames, fps)
    assert timeline.swarm.x_px.shape[0] == frames


@pytest.mark.parametrize("count", [0, 1, 37, 150])
def test_the_number_of_butterflies_is_honoured(count: int) -> None:
    swarm = fresh(butterflies=str(count)).swarm
    assert len(swarm.species) == count
    assert ((swarm.opacity > 0).any(axis=0)).all()


def test_auto_grows_with_the_person() -> None:
    arms_only = dataclasses.replace(SCENE, alpha=np.where(np.arange(HEIGHT)[:, None] > 160, SCENE.alpha, 0))
    few, many = len(fresh(scene=arms_only).swarm.species), len(planned().swarm.species)
    assert 14 <= few < many <= 320
    assert len(fresh(density="2").swarm.species) > 1.5 * many


def test_only_the_wanted_species_fly() -> None:
    assert set(fresh(species="monarch,morpho", butterflies="30").swarm.species) == {"monarch", "morpho"}


def test_one_seed_one_plan() -> None:
    first, again, other = (fresh(seed=seed, butterflies="40").swarm for seed in (1, 1, 2))
    for field in dataclasses.fields(Swarm):
        assert np.array_equal(getattr(first, field.name), getattr(again, field.name)), field.name
    assert not np.array_equal(first.x_px[:, :20], other.x_px[:, :20])


def test_poses_lie_on_coarse_grids_that_hide_last_digits() -> None:
    swarm = planned().swarm
    for name, grid in (
        ("x_px", PIXEL_GRID),
        ("size_px", PIXEL_GRID),
        ("yaw", FINE_GRID),
        ("tilt", FINE_GRID),
    ):
        steps = getattr(swarm, name).astype(np.float64) * grid
        assert np.array_equal(steps, np.rint(steps)), name


def test_the_same_flight_at_any_frame_rate() -> None:
    slow, fast = (fresh(fps=Fraction(fps), butterflies="30").swarm for fps in (15, 60))
    assert np.abs(slow.x_px[15:75] - fast.x_px[60:300:4]).max() < 0.1


@pytest.mark.parametrize("name", ["classic", "burst", "appear", "whisper"])
def test_stills_are_still_and_the_air_clears(name: str) -> None:
    preset = load_preset(name)
    visible = (planned(name).swarm.opacity > 0).any(axis=1)
    before, after = int(preset.still_before_seconds * 30), int(preset.still_after_seconds * 30)
    assert not visible[: before + 1].any()
    assert not visible[len(visible) - after :].any()
    assert not visible[-1]
    assert visible[before + 3 : -after - 10].mean() > 0.8


@pytest.mark.parametrize("name", ["classic", "burst", "appear", "slow-dream", "ember"])
def test_nobody_pops(name: str) -> None:
    swarm = planned(name).swarm
    shown = in_frame(swarm)
    both = shown[1:] & shown[:-1]
    leap = np.hypot(np.diff(swarm.x_px, axis=0), np.diff(swarm.y_px, axis=0)) / HEIGHT
    assert leap[both].max() < 0.16
    usual_px = np.median(swarm.size_px[shown])
    assert np.abs(np.diff(swarm.size_px, axis=0))[both].max() < 0.9 * usual_px
    assert np.abs(np.diff(swarm.opacity * swarm.size_px, axis=0))[both].max() < 0.9 * usual_px
    coming_or_going = shown[1:] != shown[:-1]
    seen = np.maximum(swarm.opacity[1:] * swarm.size_px[1:], swarm.opacity[:-1] * swarm.size_px[:-1])
    inside = (swarm.x_px > 0) & (swarm.x_px < WIDTH) & (swarm.y_px > 0) & (swarm.y_px < HEIGHT)
    in_sight = coming_or_going & inside[1:] & inside[:-1]
    assert seen[in_sight].max(initial=0) < 0.4 * usual_px


def test_turns_are_quick_but_not_jumps() -> None:
    swarm = planned().swarm
    both = in_frame(swarm)[1:] & in_frame(swarm)[:-1]
    assert np.abs(np.diff(swarm.yaw, axis=0))[both].max() < 1.0
    assert np.abs(np.diff(swarm.tilt, axis=0))[both].max() < 0.35


def test_take_offs_follow_the_front() -> None:
    timeline = planned()
    swarm, dissolve = timeline.swarm, timeline.dissolve
    anchor_x, anchor_y = swarm.x_px[0].astype(int), swarm.y_px[0].astype(int)
    moved = np.hypot(swarm.x_px - swarm.x_px[0], swarm.y_px - swarm.y_px[0]) > 0.02 * HEIGHT
    left_seconds = np.argmax(moved, axis=0) / 30
    arrival = dissolve.arrival_seconds[anchor_y - dissolve.top, anchor_x - dissolve.left]
    late = left_seconds - arrival
    assert 0 < np.median(late) < 0.5
    assert np.percentile(late, 5) > -0.1
    assert np.percentile(late, 95) < 0.9


def test_anchors_lie_on_the_person_evenly() -> None:
    swarm = planned().swarm
    x, y = swarm.x_px[0], swarm.y_px[0]
    assert (SCENE.alpha[y.astype(int), x.astype(int)] > 0.2).mean() > 0.97
    gaps = np.hypot(x[:, None] - x, y[:, None] - y) + 1e6 * np.eye(len(x))
    nearest = gaps.min(axis=1)
    assert nearest.min() > 0.25 * np.median(nearest)


def test_butterflies_are_smaller_on_head_and_arms_than_on_the_trunk() -> None:
    swarm = fresh(size_spread="0", size="0.06").swarm
    full_size = swarm.size_px[np.argmax(swarm.tint_strength < 1, axis=0), np.arange(len(swarm.species))]
    x, y = np.abs(swarm.x_px[0] - WIDTH / 2) / HEIGHT, swarm.y_px[0] / HEIGHT
    trunk = full_size[(y > 0.42) & (y < 0.55) & (x < 0.06)].mean()
    assert full_size[y < 0.27].mean() < 0.85 * trunk
    assert full_size[x > 0.17].mean() < 0.85 * trunk


def test_wings_wear_the_colours_they_replace_and_lose_them() -> None:
    swarm = planned().swarm
    y, x = swarm.y_px[0].astype(int), swarm.x_px[0].astype(int)
    assert np.abs(swarm.patch_place[:, :2] - np.stack([x, y], axis=1)).max() <= 1
    resting = swarm.lift[:-1] == 0
    assert np.abs(np.sin(swarm.yaw[:-1] - swarm.patch_place[:, 2]))[resting].mean() < 0.02
    assert (swarm.tint_strength[0] == 1).all()
    assert (np.diff(swarm.tint_strength, axis=0) <= 0).all()
    assert swarm.tint_strength[-1].max() < 0.05


def test_assembling_butterflies_come_in_and_take_on_the_colours() -> None:
    swarm = planned("appear").swarm
    assert (np.diff(swarm.tint_strength, axis=0) >= 0).all()
    assert (swarm.tint_strength[-1] == 1).all()
    velocity_x, velocity_y = np.gradient(swarm.x_px, axis=0), -np.gradient(swarm.y_px, axis=0)
    speed = np.hypot(velocity_x, velocity_y)
    own_colours = swarm.tint_strength < 0.2
    cruising = (speed > 0.006 * HEIGHT) & in_frame(swarm) & own_colours & (np.abs(swarm.depth) < 0.3)
    ahead = (-np.sin(swarm.yaw) * velocity_x + np.cos(swarm.yaw) * velocity_y) / np.maximum(speed, 1e-6)
    assert cruising.sum() > 100
    assert ahead[cruising].mean() > 0.6


def test_a_loop_ends_just_before_it_begins_again() -> None:
    clip = fresh(loop="true", butterflies="40")
    count = clip.frame_count
    assert count == round(2 * load_preset("classic").duration_seconds * 30) == len(clip.swarm.x_px)
    clock = [clip.dissolve_seconds(index) for index in range(count)]
    assert clock[0] == -np.inf and clock[count // 2] == np.inf
    assert clock[1 : count // 2] == clock[: count // 2 : -1]
    assert clock[-1] == pytest.approx(1 / 30)  # the next frame is the first one again
    shown = (clip.swarm.opacity > 0).any(axis=1)
    assert not shown[:15].any() and not shown[-14:].any() and not shown[count // 2]
    assert shown[count // 4] and shown[3 * count // 4]


@pytest.mark.parametrize("fps", [Fraction(7), Fraction(30000, 1001)])
def test_a_loop_of_any_length_comes_back(fps: Fraction) -> None:
    clip = fresh(loop="true", butterflies="5", fps=fps)
    assert len(clip.swarm.x_px) == clip.frame_count
    assert np.isfinite([clip.dissolve_seconds(index) for index in (1, clip.frame_count - 1)]).all()


def test_the_way_back_of_a_loop_is_flown_head_first() -> None:
    clip = fresh(loop="true")
    swarm, half = clip.swarm, clip.frame_count // 2
    back = slice(half + 20, clip.frame_count - 40)
    velocity_x, velocity_y = np.gradient(swarm.x_px, axis=0)[back], -np.gradient(swarm.y_px, axis=0)[back]
    speed = np.hypot(velocity_x, velocity_y)
    cruising = (speed > 0.006 * HEIGHT) & in_frame(swarm)[back] & (np.abs(swarm.depth[back]) < 0.3)
    cruising &= swarm.tint_strength[back] < 0.2
    ahead = (-np.sin(swarm.yaw[back]) * velocity_x + np.cos(swarm.yaw[back]) * velocity_y) / np.maximum(
        speed, 1e-6
    )
    assert ahead[cruising].mean() > 0.6


@pytest.mark.parametrize("count", [1, 3])
def test_those_that_linger_sit_in_the_background_till_the_end(count: int) -> None:
    swarm = fresh(linger=str(count)).swarm
    left = np.flatnonzero(swarm.opacity[-1] > 0)
    assert len(left) == count
    last_second = swarm.x_px[-20:, left], swarm.y_px[-20:, left]
    assert all(np.ptp(places, axis=0).max() < 0.5 for places in last_second)
    x, y = (places[-1].astype(int) for places in last_second)
    assert (SCENE.alpha[y, x] == 0).all()
    assert (x > 0).all() and (x < WIDTH).all() and (y > 0).all() and (y < HEIGHT).all()
    assert (
        np.ptp(swarm.forewing_angle[-60:, left], axis=0).min() > 0.3
    )  # their wings go on opening and closing
    flown = fresh(linger=str(count)).swarm
    assert (
        np.hypot(np.diff(flown.x_px[:, left], axis=0), np.diff(flown.y_px[:, left], axis=0)).max()
        < 0.1 * HEIGHT
    )


def test_farther_butterflies_are_drawn_first() -> None:
    swarm = planned().swarm
    order = swarm.visible(120)
    assert len(order) > 10
    assert (np.diff(swarm.depth[120, order]) >= 0).all()


def test_light_comes_from_the_brighter_side() -> None:
    ramp = np.tile(np.linspace(0, 255, WIDTH).astype(np.uint8)[None, :, None], (HEIGHT, 1, 3))
    assert estimate_light(dataclasses.replace(SCENE.subject, photo=ramp)).direction[0] > 0.2
    assert estimate_light(dataclasses.replace(SCENE.subject, photo=ramp[:, ::-1].copy())).direction[0] < -0.2
