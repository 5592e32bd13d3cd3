"""What is restored behind a person: their rim, their loose hair, their shadow; not other people, not the ground."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from silhouettes import grey

from effect.segment import matte_from_mask
from effect.segment.hole import growth_px, hole_behind
from effect.segment.shadows import BEFORE, even_light, with_shadows

HEIGHT, WIDTH = 400, 500
FEET = 300  # the row on which the person stands


def standing(column: int = 250, bottom: int = FEET) -> NDArray[np.bool_]:
    person = np.zeros((HEIGHT, WIDTH), bool)
    person[bottom - 220 : bottom, column - 25 : column + 25] = True
    return person


def ground(darker: NDArray[np.bool_] | None = None, by: float = 0.6) -> NDArray[np.uint8]:
    """A floor that is brighter in front and on the right, with a little grain; a shadow with soft edges on it."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    light = 110 + 0.15 * y + 0.05 * x + np.random.default_rng(2).normal(0, 3, (HEIGHT, WIDTH))
    if darker is not None:
        light = light * (1 - (1 - by) * cv2.GaussianBlur(darker.astype(np.float64), (0, 0), 2))
    return np.clip(np.rint(light), 0, 255).astype(np.uint8)[..., None].repeat(3, axis=2)


def ellipse(centre: tuple[int, int], half: tuple[int, int]) -> NDArray[np.bool_]:
    canvas = np.zeros((HEIGHT, WIDTH), np.uint8)
    return cv2.ellipse(canvas, centre, half, 0, 0, 360, 1, -1) > 0


def stripe(rows: slice, columns: slice) -> NDArray[np.bool_]:
    canvas = np.zeros((HEIGHT, WIDTH), bool)
    canvas[rows, columns] = True
    return canvas


NOBODY = np.zeros((HEIGHT, WIDTH), bool)


# shadows


def test_a_shadow_beside_the_feet_belongs_to_the_hole():
    shadow, person = ellipse((280, 305), (50, 14)), standing()
    hole = with_shadows(ground(shadow), person, NOBODY)
    assert hole[person].all()
    assert hole[shadow].mean() > 0.95
    assert (hole & ~shadow & ~person).sum() < 0.6 * shadow.sum()


def test_the_hole_stays_as_it_is_on_ground_without_a_shadow():
    person = standing()
    np.testing.assert_array_equal(with_shadows(ground(), person, NOBODY), person)


@pytest.mark.parametrize(
    "dark",
    [
        pytest.param(stripe(np.s_[298:312], np.s_[:]), id="a stripe across the street"),
        pytest.param(stripe(np.s_[230:], np.s_[:250]), id="half of the ground"),
        pytest.param(ellipse((250, 100), (60, 30)), id="a poster on the wall"),
        pytest.param(ellipse((335, 305), (20, 10)), id="another's shadow"),
        pytest.param(
            ellipse((250, 280), (110, 22)) & (np.mgrid[:400, :500][0] < 288), id="a thing behind them"
        ),
        pytest.param(ellipse((250, 325), (90, 36)), id="darker ground all around the feet"),
        pytest.param(stripe(np.s_[290:345], np.s_[250:]), id="a dark half of the street"),
        pytest.param(stripe(np.s_[302:305], np.s_[250:330]), id="a joint between stones"),
    ],
)
def test_what_is_dark_for_another_reason_stays(dark):
    person = standing()
    np.testing.assert_array_equal(with_shadows(ground(dark), person, NOBODY), person)


def test_a_long_shadow_is_followed_so_far_and_no_farther():
    person, shadow = standing(), stripe(np.s_[290:304], np.s_[250:])
    grown_by = with_shadows(ground(shadow), person, NOBODY) & ~person
    assert grown_by[297, 280:340].all()
    assert not grown_by[:, 400:].any()
    assert np.nonzero(grown_by.any(axis=1))[0][-1] < FEET + BEFORE * 220


def test_whom_the_photo_cuts_off_has_no_feet_in_it():
    person = standing(bottom=HEIGHT)
    dark = ellipse((290, 390), (22, 9))
    np.testing.assert_array_equal(with_shadows(ground(dark), person, NOBODY), person)


def test_nobody_has_a_shadow_who_is_but_a_dot():
    person = np.zeros((HEIGHT, WIDTH), bool)
    person[290:300, 245:255] = True
    np.testing.assert_array_equal(with_shadows(ground(ellipse((258, 300), (8, 4))), person, NOBODY), person)


def test_uneven_ground_tells_nothing():
    person, shadow = standing(), ellipse((290, 305), (50, 14))
    stones = np.kron(np.random.default_rng(1).choice([0.6, 1.4], (20, 25)), np.ones((20, 20)))
    uneven = np.clip(ground(shadow) * stones[..., None], 0, 255).astype(np.uint8)
    np.testing.assert_array_equal(with_shadows(uneven, person, NOBODY), person)


def test_nobody_who_stays_is_taken_for_a_shadow():
    person, shadow = standing(), ellipse((300, 305), (60, 14))
    other = ellipse((330, 300), (20, 30))
    assert not (with_shadows(ground(shadow), person, other) & other).any()


@pytest.mark.parametrize("scale", [3, 3.84])
def test_in_a_large_photo_no_slit_stays_between_person_and_shadow(scale):
    shadow = ellipse((280, 305), (50, 14))
    size = round(scale * WIDTH), round(scale * HEIGHT)
    large = lambda mask: cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    person = np.roll(large(standing()), (1, 2), (0, 1))  # off the cells of the small picture
    hole = with_shadows(cv2.resize(ground(shadow), size), person, large(NOBODY))
    assert hole[large(shadow)].mean() > 0.95
    beside = cv2.dilate(person.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    core = cv2.erode(large(shadow).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    assert hole[beside & core].all()


@pytest.mark.parametrize("height, width", [(1, 1), (3, 400), (400, 3), (30, 30)])
def test_photos_of_any_shape_pass(height, width):
    hole = np.zeros((height, width), bool)
    hole[: height // 2, : max(1, width // 2)] = True
    photo = np.full((height, width, 3), 90, np.uint8)
    np.testing.assert_array_equal(with_shadows(photo, hole, np.zeros_like(hole)), hole)


def test_the_lights_fit_is_not_drawn_down_by_a_shadow():
    y, x = np.mgrid[-1:1:60j, -1:1:80j].astype(np.float32)
    light = 4 + 0.3 * x - 0.2 * y * y
    shaded = light - 0.7 * (x**2 + y**2 < 0.2)
    everywhere = np.ones(light.shape, bool)
    even, uneven = even_light(np.dstack([x, y]), shaded, everywhere, np.ones_like(light))
    np.testing.assert_allclose(even, light, atol=0.02)
    assert uneven < 0.02


# rims, hair, other people


def test_loose_hair_widens_the_hole_and_a_soft_sleeve_does_not():
    alpha = cv2.GaussianBlur(standing().astype(np.float32), (0, 0), 1)
    hair = np.zeros_like(alpha)
    hair[100:140, 275:290] = 0.3  # partly covered over many pixels
    plain, _ = hole_behind(ground(), alpha, alpha)
    wider, _ = hole_behind(ground(), np.maximum(alpha, hair), alpha)
    margin = growth_px(HEIGHT)
    assert not plain[120, 275 + 2 * margin :].any()
    assert wider[120, : 289 + 2 * margin][250:].all()
    np.testing.assert_array_equal(wider[220:], plain[220:])


def test_the_rim_that_only_the_coarse_probability_sees_is_restored_too():
    alpha = standing().astype(np.float32)
    fuzzy = cv2.dilate(alpha, np.ones((9, 9), np.uint8))
    hole, others = hole_behind(ground(), alpha, fuzzy)
    assert not others.any()
    assert hole[200, 250 + 29 + growth_px(HEIGHT) - 1]


def test_somebody_beside_the_person_does_not_keep_their_rim_from_being_restored():
    alpha, neighbour = standing().astype(np.float32), standing(column=310)
    fuzzy = cv2.dilate(alpha, np.ones((21, 21), np.uint8))
    everybody = np.maximum(fuzzy, neighbour.astype(np.float32))
    hole, others = hole_behind(ground(), alpha, everybody)
    assert others[neighbour & ~hole].all() and others[200, 330]
    assert hole[200, 250 - 25 - 10 - growth_px(HEIGHT) + 2]


def test_a_thing_on_somebody_who_fills_the_photo_is_restored_from_them():
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[180:220, 230:270] = True
    everywhere = np.ones((HEIGHT, WIDTH), np.float32)
    assert not matte_from_mask(grey(mask), mask, everywhere, edges="fast").others.any()


def test_people_who_stay_are_kept_out_of_the_hole():
    alpha, distant = standing().astype(np.float32), ellipse((100, 250), (4, 9))
    neighbour = standing(column=310)
    everybody = np.maximum(alpha, np.maximum(neighbour, distant).astype(np.float32))
    hole, others = hole_behind(ground(), alpha, everybody)
    assert others[neighbour & ~hole].all() and others[distant].all()
    assert not hole[:, 300:].any() and not hole[distant].any()


def test_people_beside_a_mask_are_told_by_the_segmenters_answer():
    mask, other = standing(column=120), standing(column=380)
    both = (mask | other).astype(np.float32)
    matte = matte_from_mask(grey(mask), mask, both, edges="fast")
    assert matte.others[other].all() and not matte.hole[other].any()
    assert not matte_from_mask(grey(mask), mask, edges="fast").others.any()
