"""Frames: the promises a viewer relies on, checked on pixels."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from scenes import figure_scene

from effect.compositor import frame_at
from effect.dissolve import changing_box, dissolved
from effect.preset import load_preset
from effect.timeline import Timeline, plan

SCENE = figure_scene()
FPS = Fraction(12)


def planned(name: str = "classic", seed: int = 1, **overrides: str) -> Timeline:
    return plan(SCENE.subject, load_preset(name, overrides), seed, FPS)


TIMELINE = planned(butterflies="60")


@pytest.mark.parametrize("name", ["classic", "whisper"])
def test_from_the_photo_to_the_plate(name: str) -> None:
    timeline = planned(name)
    assert np.array_equal(frame_at(SCENE, timeline, 0), SCENE.photo)
    assert np.array_equal(frame_at(SCENE, timeline, timeline.frame_count - 1), SCENE.plate)


def test_a_reversed_clip_goes_from_the_plate_to_the_photo() -> None:
    timeline = planned("appear")
    assert np.array_equal(frame_at(SCENE, timeline, 0), SCENE.plate)
    assert np.array_equal(frame_at(SCENE, timeline, timeline.frame_count - 1), SCENE.photo)


@pytest.mark.parametrize("seconds", [0.1, 0.3])
def test_even_the_shortest_clip_has_both_ends(seconds: float) -> None:
    timeline = plan(SCENE.subject, load_preset("classic").scaled_to(seconds), 1, FPS)
    assert timeline.frame_count >= 2
    assert np.array_equal(frame_at(SCENE, timeline, 0), SCENE.photo)
    assert np.array_equal(frame_at(SCENE, timeline, timeline.frame_count - 1), SCENE.plate)


def test_stills_last_as_long_as_they_say() -> None:
    timeline = planned(still_before_seconds="1", still_after_seconds="1", butterflies="20")
    for index in range(0, 12, 3):
        assert np.array_equal(frame_at(SCENE, timeline, index), SCENE.photo)
        assert np.array_equal(frame_at(SCENE, timeline, timeline.frame_count - 1 - index), SCENE.plate)


@pytest.mark.parametrize("index", [-1, TIMELINE.frame_count])
def test_frames_outside_the_clip_are_refused(index: int) -> None:
    with pytest.raises(IndexError):
        frame_at(SCENE, TIMELINE, index)


def test_the_order_of_frames_does_not_matter() -> None:
    indices = (20, 35, 50)
    forward = [frame_at(SCENE, TIMELINE, index) for index in indices]
    backward = [frame_at(SCENE, TIMELINE, index) for index in reversed(indices)]
    for one, other in zip(forward, reversed(backward), strict=True):
        assert np.array_equal(one, other)


def test_same_seed_same_frames_other_seed_other_frames() -> None:
    frame = frame_at(SCENE, TIMELINE, 30)
    assert np.array_equal(frame, frame_at(SCENE, planned(seed=1, butterflies="60"), 30))
    assert not np.array_equal(frame, frame_at(SCENE, planned(seed=2, butterflies="60"), 30))


def test_the_scene_is_never_written_to() -> None:
    scene = figure_scene()
    frame = frame_at(scene, TIMELINE, 0)
    frame[:] = 0
    frame_at(scene, TIMELINE, 40)[:] = 0
    assert np.array_equal(scene.photo, SCENE.photo)
    assert np.array_equal(scene.plate, SCENE.plate)


@pytest.mark.parametrize("index", [15, 30, 45, 60])
def test_nothing_changes_outside_the_person_and_the_butterflies(index: int) -> None:
    frame = frame_at(SCENE, TIMELINE, index)
    swarm = TIMELINE.swarm
    rows, columns = np.mgrid[0 : frame.shape[0], 0 : frame.shape[1]]
    may_change = np.zeros(frame.shape[:2], bool)
    may_change[changing_box(SCENE.subject)] = True
    for butterfly in swarm.visible(index):
        reach = 1.7 * swarm.size_px[index, butterfly] + 4 * swarm.blur_px[index, butterfly] + 3
        beside = np.abs(columns - swarm.x_px[index, butterfly]) > reach
        may_change |= ~(beside | (np.abs(rows - swarm.y_px[index, butterfly]) > reach))
    changed = (frame != SCENE.photo).any(axis=2)
    assert not (changed & ~may_change).any()


def test_without_butterflies_only_the_dissolve_remains() -> None:
    timeline = planned(butterflies="0")
    for index in (20, 40):
        expected = dissolved(SCENE, timeline.dissolve, index / 12)
        assert np.array_equal(frame_at(SCENE, timeline, index), expected)


@pytest.mark.parametrize("name", ["classic", "ember"])
def test_butterflies_cover_most_of_what_was_just_removed(name: str) -> None:
    timeline = planned(name)
    preset = load_preset(name)
    covered = removed = 0
    middle = preset.still_before_seconds + (preset.sweep_start_seconds + preset.sweep_end_seconds) / 2
    for index in range(int((middle - 1) * 12), int((middle + 1) * 12), 6):
        seconds = index / 12
        arrival = timeline.dissolve.arrival_seconds
        person = SCENE.alpha[timeline.dissolve.box] > 0.9
        just = person & (arrival < seconds) & (arrival > seconds - 0.25)
        bare = dissolved(SCENE, timeline.dissolve, seconds)
        touched = (np.abs(frame_at(SCENE, timeline, index).astype(int) - bare).max(axis=2) > 6)[
            timeline.dissolve.box
        ]
        covered, removed = covered + (just & touched).sum(), removed + just.sum()
    assert removed > 200
    assert covered / removed >= 0.6


def test_butterflies_shade_the_person_below_them_but_not_the_wall() -> None:
    """With wings too small to see, what darkens the photo is their shadow."""
    timeline = planned(softness_seconds="0.01")
    index = 20
    frame, bare = frame_at(SCENE, timeline, index), dissolved(SCENE, timeline.dissolve, index / 12)
    person = SCENE.alpha > 0.9
    slightly_darker = (bare.astype(int) - frame).min(axis=2) > 2
    assert slightly_darker[person].mean() > 0.02


@pytest.mark.parametrize("overrides", [{}, {"still_after_seconds": "0"}, {"loop": "true"}])
def test_night_falls_after_the_still_photo_and_ends_before_the_still_background(
    overrides: dict[str, str],
) -> None:
    night = planned("night", butterflies="0", edge_glow="0", **overrides)
    assert np.array_equal(frame_at(SCENE, night, 0), SCENE.photo)
    if not night.loop:
        assert np.array_equal(frame_at(SCENE, night, night.frame_count - 1), SCENE.plate)
    outside = SCENE.alpha == 0
    middle = frame_at(SCENE, night, night.frame_count // 4)[outside].mean(axis=0)
    day = SCENE.photo[outside].mean(axis=0)
    assert (middle < 0.5 * day).all()
    assert middle[2] / middle[0] > 1.3 * day[2] / day[0]


def test_butterflies_that_glow_light_up_what_is_around_them() -> None:
    plain = planned(butterflies="20", dusk="1", glow="0")
    lanterns = planned(butterflies="20", dusk="1", glow="1")
    index = plain.frame_count // 2
    gained = frame_at(SCENE, lanterns, index).astype(int) - frame_at(SCENE, plain, index)
    alone = planned(butterflies="0", dusk="1")
    untouched = (frame_at(SCENE, plain, index) == frame_at(SCENE, alone, index)).all(axis=2)
    assert gained[untouched].min() >= -1
    assert (gained[untouched].max(axis=1) > 8).mean() > 0.1
