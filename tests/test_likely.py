"""The colours to expect in the hole by a rule: they meet what is known, and nothing of a person spreads."""

import cv2
import numpy as np
from numpy.typing import NDArray

from effect.inpaint.likely import propose
from effect.inpaint.telea import march


def likely_colours(rgb: NDArray, hole: NDArray, avoid: NDArray, guide: NDArray) -> NDArray[np.uint8]:
    return propose(rgb, hole, avoid, guide, march(rgb, hole | avoid)).likely


def shaded() -> NDArray[np.uint8]:
    """A calm picture that grows lighter to the right."""
    row = np.linspace(60, 160, 512)
    return np.rint(np.broadcast_to(row[None, :, None], (192, 512, 3)) * [1, 0.8, 0.6]).astype(np.uint8)


def test_likely_colours_meet_the_known_ones_and_inside_go_on_as_painted():
    truth, hole = shaded(), np.zeros((192, 512), bool)
    hole[39:166, 192:320] = True
    photo = np.where(hole[..., None], np.uint8(0), truth)
    guide = cv2.resize(truth, (128, 48), interpolation=cv2.INTER_AREA)
    guide[18:32, 58:70] = 40, 40, 200  # a thing in the middle, which only the network expects
    likely = likely_colours(photo, hole, np.zeros_like(hole), guide)
    assert (likely.shape, likely.dtype) == (truth.shape, np.uint8)
    np.testing.assert_array_equal(likely[~hole], truth[~hole])
    assert np.abs(likely - truth.astype(int))[42:164, 194:204].max() < 8
    np.testing.assert_allclose(likely[90:110, 245:265].mean(axis=(0, 1)), (40, 40, 200), atol=25)
    # painted darker throughout, as by a network that missed the light: it still meets what is known
    dark = likely_colours(photo, hole, np.zeros_like(hole), guide // 2)
    assert np.abs(dark - truth.astype(int))[42:164, 194:200].max() < 20


def test_what_must_not_be_copied_has_no_say_in_likely_colours():
    hole, avoid = np.zeros((2, 192, 512), bool)
    hole[39:166, 192:320], avoid[39:166, 320:346] = True, True
    photo = np.full((192, 512, 3), (90, 120, 60), np.uint8)
    guide = np.full((48, 128, 3), (90, 120, 60), np.uint8)
    inside = []
    for others, person in (((255, 0, 255), 0), ((0, 255, 0), 255)):
        photo[avoid], photo[hole] = others, person
        inside.append(likely_colours(photo, hole, avoid, guide)[45:160, 200:310])
    assert np.abs(inside[0].astype(int) - (90, 120, 60)).max() <= 12
    np.testing.assert_array_equal(*inside)


def test_what_is_left_of_a_person_beside_the_hole_hardly_spreads():
    """The guide, which was trained under attack, does not go on with it."""
    hole = np.zeros((192, 192), bool)
    hole[40:150, 60:130] = True
    photo = np.full((192, 192, 3), (90, 120, 60), np.uint8)
    guide = photo.copy()
    photo[60:120, 50:60] = (230, 40, 40)
    photo[hole] = 0
    likely = likely_colours(photo, hole, np.zeros_like(hole), guide)
    red = lambda rgb: float((rgb[70:110, 66:80, 0].astype(float) - 90).mean())
    assert red(likely) < 0.35 * red(march(photo, hole))
