"""The dissolve: one front that takes the person, and the old background with them, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scenes import figure_scene

from effect.dissolve import Dissolve, changing_box, dissolved, plan_dissolve
from effect.fade import EMBER_SECONDS, remaining
from effect.front import eased_time
from effect.preset import load_preset
from effect.preset_values import EASINGS
from effect.scene import Scene

SCENE = figure_scene()


def planned(seed: int = 1, scene: Scene = SCENE, **overrides: str) -> Dissolve:
    return plan_dissolve(scene.subject, load_preset("classic", overrides), np.random.default_rng(seed))


def test_starts_as_the_photo_and_ends_as_the_plate_bit_for_bit() -> None:
    dissolve = planned()
    assert np.array_equal(dissolved(SCENE, dissolve, 0.0), SCENE.photo)
    assert np.array_equal(dissolved(SCENE, dissolve, 99.0), SCENE.plate)


def test_the_photo_stands_still_before_the_sweep_even_if_it_starts_at_once() -> None:
    dissolve = planned(still_before_seconds="1", sweep_start_seconds="0", softness_seconds="0.4")
    assert np.array_equal(dissolved(SCENE, dissolve, 1.0), SCENE.photo)
    assert not np.array_equal(dissolved(SCENE, dissolve, 1.4), SCENE.photo)


def test_only_the_box_changes() -> None:
    rows, columns = changing_box(SCENE.subject)
    outside = np.ones(SCENE.alpha.shape, bool)
    outside[rows, columns] = False
    assert outside.any()
    for seconds in (1.0, 2.0, 3.0):
        assert np.array_equal(dissolved(SCENE, planned(), seconds)[outside], SCENE.photo[outside])


def test_every_pixel_stays_between_what_it_was_and_what_it_becomes() -> None:
    inside = SCENE.alpha == 1
    frame = dissolved(SCENE, planned(edge_glow="0"), 2.4)[inside].astype(int)
    person, plate = SCENE.foreground[inside].astype(int), SCENE.plate[inside].astype(int)
    assert (frame >= np.minimum(person, plate) - 1).all()
    assert (frame <= np.maximum(person, plate) + 1).all()


def test_what_has_just_become_the_edge_glows_warmly_and_cools() -> None:
    dark, glowing = planned(edge_glow="0"), planned(edge_glow="1")
    light = dissolved(SCENE, glowing, 2.4).astype(int) - dissolved(SCENE, dark, 2.4)
    lit = light.sum(axis=2) > 30
    assert 0.0005 < lit.mean() < 0.05
    assert (light[lit][:, 0] >= light[lit][:, 2]).all()
    rows, columns = glowing.box
    since = 2.4 - glowing.edge_seconds[lit[rows, columns]]
    assert since.min() > 0 and since.max() < EMBER_SECONDS


def left(seconds: float, middle_seconds: NDArray[np.float32], dissolve: Dissolve) -> NDArray[np.float32]:
    return remaining(seconds, middle_seconds, dissolve.softness_seconds, 0, 0, *middle_seconds.shape)


def test_what_is_gone_never_comes_back() -> None:
    dissolve = planned()
    shares = [left(t, dissolve.arrival_seconds, dissolve) for t in (1.0, 1.5, 2.0, 3.0)]
    for earlier, later in pairwise(shares):
        assert (later <= earlier).all()


def test_the_old_background_leaves_before_the_person_does() -> None:
    dissolve = planned()
    assert (dissolve.rim_seconds <= dissolve.arrival_seconds).all()
    half_gone = dissolve.arrival_seconds < 2.5
    rim = left(2.5, dissolve.rim_seconds, dissolve)
    assert (rim[half_gone] < 0.5).all()


def test_no_halo_of_the_old_wall_stays_around_a_fading_person() -> None:
    """White wall, black plate: where the person is half gone, their soft edge must not still carry white."""
    white, black = np.full_like(SCENE.photo, 255), np.zeros_like(SCENE.photo)
    red = white * np.array([1, 0, 0], np.uint8)
    alpha = SCENE.alpha[..., None]
    photo = np.rint(red * alpha + white * (1 - alpha)).astype(np.uint8)
    scene = Scene(photo, black, red, SCENE.alpha)
    dissolve = planned(scene=scene)
    frame = dissolved(scene, dissolve, 2.5)[dissolve.box]
    nearly_gone = left(2.5, dissolve.arrival_seconds, dissolve) < 0.1
    assert nearly_gone.any()
    assert frame[nearly_gone][:, 1].mean() < 8


@pytest.mark.parametrize(
    ("direction", "first", "last"),
    [
        ("down", (0, 0), (-1, 0)),
        ("up", (-1, 0), (0, 0)),
        ("right", (0, 0), (0, -1)),
        ("left", (0, -1), (0, 0)),
        ("center-out", (120, 68), (0, 0)),
        ("center-in", (0, 0), (120, 68)),
        ("from-point", (0, 0), (-1, -1)),  # its origin is set to the top left below
    ],
)
def test_the_front_moves_where_its_direction_says(
    direction: str, first: tuple[int, int], last: tuple[int, int]
) -> None:
    arrival = planned(direction=direction, raggedness="0", origin="0,0").arrival_seconds
    assert arrival[first] < arrival[last]


def test_outside_in_goes_from_the_outline() -> None:
    dissolve = planned(direction="outside-in", raggedness="0")
    depth = cv2.distanceTransform((SCENE.alpha[dissolve.box] > 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    arrival = dissolve.arrival_seconds
    assert (
        arrival[(depth > 0) & (depth < 3)].max()
        < arrival[depth > 8].min()
        < arrival[depth > 0.9 * depth.max()].min()
    )


def test_all_at_once_opens_everywhere_from_the_start() -> None:
    arrival = planned(direction="all-at-once").arrival_seconds
    person = SCENE.alpha[planned().box] > 0.5
    early = (arrival < np.quantile(arrival[person], 0.25)) & person
    quarters = np.array_split(np.arange(person.shape[0]), 4)
    assert all(early[rows].sum() > 0.03 * person[rows].sum() for rows in quarters)


def two_people(left: float = 1.0, right: float = 1.0) -> Scene:
    """The figure twice, side by side, with a gap between the arms."""
    scene = figure_scene()
    pair = {
        name: np.concatenate([getattr(scene, name)] * 2, axis=1) for name in ("photo", "plate", "foreground")
    }
    alpha = np.concatenate([scene.alpha * np.float32(left), scene.alpha * np.float32(right)], axis=1)
    return Scene(**pair, alpha=alpha)


@pytest.mark.parametrize(("direction", "first"), [("up", 0), ("right", 0), ("left", 1)])
def test_one_by_one_each_has_a_turn(direction: str, first: int) -> None:
    scene = two_people()
    dissolve = planned(scene=scene, direction=direction, order="one-by-one")
    person = scene.alpha[dissolve.box] > 0.5
    middle = 180 - dissolve.left
    halves = [
        dissolve.arrival_seconds[:, side][person[:, side]] for side in (slice(0, middle), slice(middle, None))
    ]
    earlier, later = halves[first], halves[1 - first]
    assert np.quantile(earlier, 0.9) < np.quantile(later, 0.1)
    together = planned(scene=scene, direction="up").arrival_seconds
    assert abs(np.median(together[:, :middle][person[:, :middle]]) - np.median(together[person])) < 0.3


def test_one_by_one_alone_is_as_together() -> None:
    alone, together = planned(order="one-by-one"), planned(order="together")
    assert np.abs(alone.arrival_seconds - together.arrival_seconds).max() < 1e-3


@pytest.mark.parametrize("easing", EASINGS)
def test_easings_keep_start_and_end_and_order(easing: str) -> None:
    progress = np.linspace(0, 1, 101, dtype=np.float32)
    time = eased_time(progress, easing)
    assert time[0] == pytest.approx(0, abs=1e-6)
    assert time[-1] == pytest.approx(1, abs=1e-6)
    assert (np.diff(time) > 0).all()


def test_ease_in_starts_slower_than_ease_out() -> None:
    halfway = np.array([0.5], np.float32)
    assert eased_time(halfway, "ease-in") > eased_time(halfway, "linear") > eased_time(halfway, "ease-out")


def test_the_front_spans_the_sweep_and_removes_a_steady_share() -> None:
    dissolve = planned(still_before_seconds="0.5", sweep_start_seconds="0.5", sweep_end_seconds="4.5")
    arrival = dissolve.arrival_seconds[SCENE.alpha[dissolve.box] > 0.5]
    assert 0.9 < arrival.min() < 1.3
    assert 4.7 < arrival.max() < 5.1
    gone = [(arrival < second).mean() for second in (2.0, 3.0, 4.0)]
    assert np.allclose(gone, (0.25, 0.5, 0.75), atol=0.15)


def test_a_seed_decides_the_front() -> None:
    assert np.array_equal(planned(3).arrival_seconds, planned(3).arrival_seconds)
    assert not np.array_equal(planned(3).arrival_seconds, planned(4).arrival_seconds)


def test_a_scene_without_anyone_stays_as_it_is() -> None:
    empty = replace(SCENE, plate=SCENE.photo, alpha=np.zeros_like(SCENE.alpha))
    assert np.array_equal(dissolved(empty, planned(scene=empty), 2.0), SCENE.photo)
