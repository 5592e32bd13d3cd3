"""What people hold: doubted pixels with colours of their own join the person; others stay background."""

import cv2
import numpy as np
import pytest
from silhouettes import Given

from effect.segment import matte_of
from effect.segment.held import with_held_things
from effect.segment.matting import refine
from effect.segment.people import cleaned

WALL, SHIRT, BOARD = (150, 150, 150), (30, 40, 120), (190, 90, 40)


def photo_of_a_skater(board=BOARD, doubt=0.4):
    """A photo (240, 200, 3) and its probability: a sure body, a board under it that is seen in part."""
    rgb = np.full((240, 200, 3), WALL, np.uint8)
    rgb[30:180, 80:120] = SHIRT
    rgb[180:200, 60:150] = board
    noise = np.random.default_rng(0).integers(-12, 13, rgb.shape)
    probability = np.zeros((240, 200), np.float32)
    probability[30:180, 80:120] = 1.0
    probability[170:212, 50:160] = np.maximum(probability[170:212, 50:160], doubt)
    probability[184:196, 90:115] = 0.7
    return np.clip(rgb + noise, 0, 255).astype(np.uint8), cv2.GaussianBlur(probability, (0, 0), 1)


def test_a_board_in_doubt_belongs_to_the_skater_and_the_wall_beside_it_does_not():
    rgb, probability = photo_of_a_skater()
    person = with_held_things(rgb, probability) > 0.5
    board, beside = person[182:198, 62:148], person[200:212, 50:160]
    assert board.mean() > 0.95
    assert beside.mean() < 0.1


@pytest.mark.parametrize(
    ("board", "doubt"), [(WALL, 0.4), (BOARD, 0.05)], ids=["the wall's own colour", "no doubt"]
)
def test_background_is_not_taken_for_a_held_thing(board, doubt):
    rgb, probability = photo_of_a_skater(board, doubt)
    assert (with_held_things(rgb, probability) > 0.5).sum() <= 1.02 * (probability > 0.5).sum()


def test_the_probability_never_falls_and_a_second_call_gives_the_same():
    rgb, probability = photo_of_a_skater()
    held = with_held_things(rgb, probability)
    assert (held >= probability).all()
    np.testing.assert_array_equal(held, with_held_things(rgb, probability))


@pytest.mark.parametrize("value", [0.0, 0.4, 1.0])
def test_an_even_probability_stays(value):
    even = np.full((40, 30), value, np.float32)
    np.testing.assert_array_equal(with_held_things(np.zeros((40, 30, 3), np.uint8), even), even)


def test_the_matte_holds_the_board_and_nothing_more_where_none_is_held():
    rgb, probability = photo_of_a_skater()
    assert matte_of(rgb, Given(probability), edges="fast").alpha[184:196, 66:144].mean() > 0.95
    rgb, probability = photo_of_a_skater(WALL)
    assert with_held_things(rgb, probability) is probability
    alpha = refine(rgb, cleaned(probability), "fast")
    np.testing.assert_array_equal(matte_of(rgb, Given(probability), edges="fast").alpha, alpha)
