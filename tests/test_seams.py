"""Healing of seams between copied patches."""

from __future__ import annotations

import numpy as np

from effect.inpaint.seams import MOST_CORRECTION, heal

ROWS, COLUMNS = 40, 60


def places(height: int = ROWS, width: int = COLUMNS) -> np.ndarray:
    return np.indices((height, width), dtype=np.int32).transpose(1, 2, 0)


def ramp() -> tuple[np.ndarray, np.ndarray]:
    """A slanted grey picture, uint8 (H, W, 3), and a hole in its middle, bool (H, W)."""
    picture = np.repeat((60 + 2 * np.arange(COLUMNS))[None, :, None], ROWS, axis=0).repeat(3, axis=2)
    hole = np.zeros((ROWS, COLUMNS), bool)
    hole[8:32, 15:45] = True
    return picture.astype(np.uint8), hole


def test_a_copied_stripe_that_is_too_bright_meets_its_surroundings_again():
    truth, hole = ramp()
    copied, matches = truth.copy(), places()
    matches[..., 0] = 2  # from above the hole,
    matches[..., 1] += 4  # and from four columns further right, where it is brighter by 8
    copied[hole] += 8
    healed = heal(copied, hole, matches)
    steps_before, steps_after = (np.diff(p[20, :, 0].astype(int)) - 2 for p in (copied, healed))
    assert np.abs(steps_before).max() == 8
    assert np.abs(steps_after).max() <= 1  # spread so far that no edge is left
    assert np.abs(healed.astype(int) - truth).mean() < np.abs(copied.astype(int) - truth).mean()


def test_known_pixels_and_seamless_copies_stay_as_they_are():
    truth, hole = ramp()
    assert np.array_equal(heal(truth, hole, places()), truth)
    copied = truth.copy()
    copied[hole] = 200
    assert np.array_equal(heal(copied, hole, places())[~hole], truth[~hole])


def test_a_high_step_inside_the_hole_is_an_edge_of_the_scene_and_stays():
    picture, hole = np.full((ROWS, COLUMNS, 3), 40, np.uint8), np.zeros((ROWS, COLUMNS), bool)
    hole[8:32, 15:45] = True
    picture[12:28, 22:38] = 200
    matches = np.zeros((ROWS, COLUMNS, 2), np.int32) + 2  # a flat place
    steps = np.diff(heal(picture, hole, matches)[20, :, 0].astype(int))
    assert steps.max() > 140 and steps.min() < -140


def test_a_high_step_at_the_hole_s_border_is_a_fault_and_shrinks():
    picture, hole = np.full((ROWS, COLUMNS, 3), 40, np.uint8), np.zeros((ROWS, COLUMNS), bool)
    hole[8:32, 15:45] = True
    picture[hole] = 90
    matches = np.zeros((ROWS, COLUMNS, 2), np.int32) + 2
    steps = np.diff(heal(picture, hole, matches)[20, :, 0].astype(int))
    assert np.abs(steps).max() < 15


def test_no_correction_is_large_and_the_hue_stays():
    """A dozen seams in a row that all ask for more of the same do not add up to a stain."""
    picture, hole = np.full((ROWS, COLUMNS, 3), 100, np.uint8), np.zeros((ROWS, COLUMNS), bool)
    hole[4:36, 4:56] = True
    ramp_px = np.arange(COLUMNS)[None, :, None] * np.array([6, 3, 0])
    steep = np.clip(np.array([20, 20, 100]) + ramp_px, 0, 255).repeat(ROWS, axis=0).astype(np.uint8)
    picture[:4] = steep[:4]  # what the places come from rises steeply, what is shown is flat
    matches = places()
    matches[hole, 0] = 2
    healed = heal(picture, hole, matches).astype(int) - picture
    assert 5 < np.abs(healed).max() <= MOST_CORRECTION + 1
    strongest = healed[20, np.abs(healed[20, :, 0]).argmax()]
    assert abs(strongest[2]) <= 5 and strongest[0] * strongest[1] >= 0
