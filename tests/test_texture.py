"""Texture from the photo: a missing part of a pattern comes back as sharp as its surroundings."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from effect.grain import grain_level
from effect.inpaint import open_inpainter, texture
from effect.inpaint.texture import synthesize, toward


def weave(height: int = 160, width: int = 200, period_px: int = 11) -> NDArray[np.uint8]:
    """A periodic two-coloured texture with a little grain, under soft light."""
    y, x = np.mgrid[:height, :width]
    wave = np.sin(2 * np.pi * x / period_px) * np.sin(2 * np.pi * (y + 0.3 * x) / period_px)
    light = 1 - 0.2 * x / width
    grain = np.random.default_rng(4).normal(0, 3, (height, width, 1))
    rgb = (np.array([150, 120, 90]) + 60 * wave[..., None] * [1, 0.8, 0.5]) * light[..., None] + grain
    return np.clip(np.rint(rgb), 0, 255).astype(np.uint8)


def person_like(height: int = 160, width: int = 200) -> NDArray[np.bool_]:
    y, x = np.mgrid[:height, :width]
    return ((x - 0.5 * width) / (0.16 * width)) ** 2 + ((y - 0.6 * height) / (0.3 * height)) ** 2 < 1


def blurred_guide(rgb: NDArray, hole: NDArray) -> NDArray[np.uint8]:
    """What a network that paints colour but no texture hands over: small, and smooth in the hole."""
    smooth = np.where(hole[..., None], cv2.GaussianBlur(rgb, (0, 0), 9), rgb)
    return cv2.resize(smooth, (72, 56), interpolation=cv2.INTER_AREA)


def gradient_energy(rgb: NDArray, region: NDArray[np.bool_]) -> float:
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    dx, dy = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    return float(np.hypot(dx, dy)[region].mean())


def inner_and_outer(hole: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """The hole without its rim, and the surroundings without it."""
    square = np.ones((7, 7), np.uint8)
    return cv2.erode(hole.astype(np.uint8), square) > 0, cv2.dilate(hole.astype(np.uint8), square) == 0


@pytest.fixture(scope="module")
def woven() -> tuple[NDArray, NDArray, NDArray]:
    """The true texture, the hole, and what was synthesized from a photo whose hole is black."""
    truth, hole = weave(), person_like()
    photo = np.where(hole[..., None], np.uint8(0), truth)
    return truth, hole, synthesize(photo, hole, blurred_guide(truth, hole))


def test_texture_comes_back_as_sharp_as_around_the_hole(woven):
    truth, hole, painted = woven
    inner, outer = inner_and_outer(hole)
    assert 0.75 < gradient_energy(painted, inner) / gradient_energy(painted, outer) < 1.3
    # the guide alone would not have been: this test can tell
    blurred = cv2.resize(blurred_guide(truth, hole), truth.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    assert gradient_energy(blurred, inner) < 0.5 * gradient_energy(truth, outer)


def test_the_hole_takes_the_colours_of_the_pattern(woven):
    truth, hole, painted = woven
    np.testing.assert_allclose(painted[hole].mean(axis=0), truth[hole].mean(axis=0), atol=12)
    np.testing.assert_allclose(painted[hole].std(axis=0), truth[hole].std(axis=0), rtol=0.3)


def test_known_pixels_stay(woven):
    truth, hole, painted = woven
    assert (painted.shape, painted.dtype) == (truth.shape, np.uint8)
    np.testing.assert_array_equal(painted[~hole], truth[~hole])


def test_nothing_of_the_person_is_copied():
    """What lies under the hole has no say, however loud."""
    truth, hole = weave(96, 120), person_like(96, 120)
    guide = blurred_guide(truth, hole)
    painted = [
        synthesize(np.where(hole[..., None], np.array(rgb, np.uint8), truth), hole, guide)
        for rgb in ((255, 0, 255), (0, 255, 0))
    ]
    np.testing.assert_array_equal(*painted)


def test_the_guide_decides_between_textures():
    """Two textures, and a hole across their border: each half follows the guide's colour."""
    left, right = weave(96, 60, 7) // 2, 255 - weave(96, 60, 13) // 3
    truth = np.concatenate([left, right], axis=1)
    hole = np.zeros((96, 120), bool)
    hole[30:66, 35:85] = True
    painted = synthesize(np.where(hole[..., None], np.uint8(0), truth), hole, blurred_guide(truth, hole))
    for columns in (slice(35, 52), slice(68, 85)):
        region = (slice(30, 66), columns)
        wanted = truth[region].reshape(-1, 3).mean(axis=0)
        np.testing.assert_allclose(painted[region].reshape(-1, 3).mean(axis=0), wanted, atol=25)


MIDDLE = (slice(70, 110), slice(70, 150))


def moved_toward(
    likely: NDArray[np.uint8],
    unsure: float = 0.0,
    scarce: float = 0.0,
    period_px: int = 7,
    trust: float = 1.0,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A pattern with a large hole in it, plain above and below, and what becomes of it there."""
    truth, hole = weave(period_px=period_px), np.zeros((160, 200), bool)
    truth[:30] = truth[150:] = 120
    hole[40:140, 40:180] = True
    painted = toward(likely, truth, hole, trust, scarce, unsure)
    np.testing.assert_array_equal(painted[~hole], truth[~hole])
    return truth, painted


def test_broad_colours_come_nearer_to_the_likely_ones_and_texture_stays():
    soft = cv2.GaussianBlur(weave(period_px=7), (0, 0), 12)
    truth, painted = moved_toward(soft + np.uint8(15))
    moved = painted[MIDDLE].astype(float) - truth[MIDDLE]
    np.testing.assert_allclose(moved.mean(axis=(0, 1)), 15, atol=2)
    assert (painted[MIDDLE].std(axis=(0, 1)) > 0.7 * truth[MIDDLE].std(axis=(0, 1))).all()
    assert np.abs(painted[40, 40:180].astype(float) - truth[40, 40:180]).mean() < 0.7 * moved.mean()


def test_the_texture_of_a_piece_of_quite_another_colour_fades_but_for_the_finest():
    white = np.full((160, 200, 3), 230, np.uint8)
    truth, painted = moved_toward(white, period_px=28)
    there = truth[MIDDLE].mean(axis=(0, 1))
    moved = painted[MIDDLE].astype(float) - truth[MIDDLE]
    np.testing.assert_allclose(moved.mean(axis=(0, 1)), 230 - there, atol=6)
    assert (painted[MIDDLE].std(axis=(0, 1)) < 0.6 * truth[MIDDLE].std(axis=(0, 1))).all()
    truth, painted = moved_toward(white, period_px=4)
    assert (painted[MIDDLE].std(axis=(0, 1)) > 0.7 * truth[MIDDLE].std(axis=(0, 1))).all()


def test_a_large_picture_keeps_texture_that_fades_in_the_same_picture_at_half_the_size():
    """Unless hardly anything of it is left to go by."""

    def kept(width: int, scarce: float = 0.0) -> float:
        part = width // 20
        truth = np.tile(weave(part, part, period_px=width // 50), (1, 20, 1))
        hole = np.zeros((part, width), bool)
        hole[part // 5 : -part // 5, part:-part] = True
        middle = slice(part // 3, -part // 3), slice(2 * part, -2 * part)
        painted = toward(np.full((26, 512, 3), 230, np.uint8), truth, hole, scarce=scarce)
        return float(painted[middle].std() / truth[middle].std())

    assert kept(3000) > 1.3 * kept(1500)
    assert abs(kept(3000, scarce=1.0) - kept(1500, scarce=1.0)) < 0.05


def test_of_what_repeats_itself_the_windows_stay_while_the_light_still_follows_the_likely_colours():
    soft = cv2.GaussianBlur(weave(period_px=20), (0, 0), 20) + np.uint8(25)
    truth, believed = moved_toward(soft, period_px=20)
    _, doubted = moved_toward(soft, period_px=20, trust=0.0)
    left = lambda painted: (painted[MIDDLE].std(axis=(0, 1)) / truth[MIDDLE].std(axis=(0, 1))).mean()
    assert left(believed) < 0.6 and left(doubted) > 0.85
    np.testing.assert_allclose((doubted[MIDDLE].astype(float) - truth[MIDDLE]).mean(axis=(0, 1)), 25, atol=5)


def test_more_than_half_of_the_contrast_of_a_facade_in_perspective_comes_back():
    """Each of them is rare, as no other is quite as large, and none is what a network paints, their mean."""
    facade = np.full((300, 400, 3), 205, np.uint8)
    facade[np.ix_(np.arange(300) % 30 < 17, np.arange(400) % 24 < 12)] = 50, 60, 80
    corners = np.array([[0, 0], [400, 0], [400, 300], [0, 300]], np.float32)
    leaning = np.array([[40, 0], [350, 30], [460, 300], [-60, 330]], np.float32)
    photo = cv2.warpPerspective(facade, cv2.getPerspectiveTransform(corners, leaning), (400, 300))
    photo = np.ascontiguousarray(photo[60:240, 100:320])
    photo += np.random.default_rng(2).integers(0, 5, photo.shape, np.uint8)
    hole = person_like(180, 220)
    mean = np.where(hole[..., None], photo[~hole].mean(axis=0).astype(np.uint8), photo)
    painted = synthesize(np.where(hole[..., None], np.uint8(0), photo), hole, mean)
    inner, _ = inner_and_outer(hole)
    assert painted[inner].std(axis=0).mean() > 0.5 * photo[inner].std(axis=0).mean()


def test_where_little_is_left_pieces_keep_more_of_their_own_colours():
    there = weave(period_px=7)[MIDDLE].mean(axis=(0, 1))
    truth, painted = moved_toward(np.full((160, 200, 3), 230, np.uint8), scarce=1.0)
    moved = (painted[MIDDLE].astype(float) - truth[MIDDLE]).mean(axis=(0, 1))
    np.testing.assert_allclose(moved, 0.5 * (230 - there), atol=2)


def test_edges_that_are_not_likely_fade_where_nothing_is_sure_and_even_texture_stays():
    even = cv2.GaussianBlur(weave(period_px=7), (0, 0), 12) + np.uint8(15)
    striped = even + np.uint8(40) * (np.arange(200) // 12 % 2).astype(np.uint8)[:, None]
    contrast = lambda picture: np.abs(np.diff(picture[MIDDLE].astype(float), axis=0)).mean()
    left = lambda likely, unsure: (
        contrast(moved_toward(likely, unsure, 1.0)[1]) / contrast(moved_toward(likely, 0.0, 1.0)[1])
    )
    assert left(even, 1.0) > 0.97
    assert left(striped, 1.0) < 0.3 < left(striped, 0.25) < 0.6


@pytest.mark.parametrize(
    ("rows", "log_variance", "unsure"), [(60, 0.0, 0.0), (100, -2.0, 0.0), (100, 0.0, 1.0), (100, None, 0.0)]
)
def test_only_before_a_large_hole_an_unsure_network_makes_edges_fade(
    monkeypatch: pytest.MonkeyPatch, rows: int, log_variance: float | None, unsure: float
):
    asked: list[float] = []
    monkeypatch.setattr(texture, "toward", lambda *given: asked.append(given[-1]))
    truth, hole = weave(), np.zeros((160, 200), bool)
    hole[-rows:, 20:180] = True  # 30 or 50 % of the picture
    expected = None if log_variance is None else np.full((40, 50, 10), log_variance, np.float32)
    synthesize(truth, hole, blurred_guide(truth, hole), None, expected)
    assert asked == [pytest.approx(unsure)]


def test_what_must_not_be_copied_is_not():
    """A second person stays in the photo, in a colour found nowhere else, and beside the hole."""
    truth, hole = weave(), person_like()
    others = np.roll(hole, 68, axis=1)
    photo = truth.copy()
    photo[others] = 255, 0, 255
    photo[hole] = 0
    painted = synthesize(photo, hole, blurred_guide(truth, hole), avoid=others)
    magenta = lambda rgb: (rgb[hole].astype(int) @ [1, -2, 1] > 250).sum()
    assert magenta(painted) == 0
    np.testing.assert_array_equal(painted[others], photo[others])


def test_two_runs_give_one_picture():
    truth, hole = weave(96, 120), person_like(96, 120)
    guide = blurred_guide(truth, hole)
    np.testing.assert_array_equal(synthesize(truth, hole, guide), synthesize(truth, hole, guide))


def test_with_nothing_to_copy_the_guide_is_enlarged():
    hole = np.ones((40, 30), bool)
    hole[0, 0] = False
    guide = np.full((16, 16, 3), (10, 200, 60), np.uint8)
    photo = np.zeros((40, 30, 3), np.uint8)
    photo[0, 0] = 10, 200, 60
    assert (synthesize(photo, hole, guide) == (10, 200, 60)).all()


def test_the_default_inpainter_restores_a_textured_wall_sharply_and_telea_does_not():
    truth, hole = weave(), person_like()
    photo = np.where(hole[..., None], np.array([200, 30, 40], np.uint8), truth)
    inner, outer = inner_and_outer(hole)
    sharpness = {
        name: gradient_energy(open_inpainter(name).restore(photo, hole), inner)
        / gradient_energy(truth, outer)
        for name in ("gated", "telea")
    }
    assert 0.7 < sharpness["gated"] < 1.3
    assert sharpness["telea"] < 0.5


def test_grain_stays_where_texture_fades():
    """A large hole in which nothing is sure: its edges fade, the noise over all the photo does not."""
    noise = np.random.default_rng(3).normal(0, 5, (240, 320, 3))
    flat = np.clip(np.rint(120 + noise), 0, 255).astype(np.uint8)
    hole = np.zeros((240, 320), bool)
    hole[20:, 40:280] = True
    other = np.zeros((60, 80, 3), np.uint8)  # likely colours far from all that is known: every piece fades
    assert grain_level(toward(other, flat, hole, scarce=1.0, unsure=1.0), hole) > 0.8 * grain_level(
        flat, ~hole
    )


def test_edges_far_stronger_than_the_grain_fade_still():
    bars = np.full((240, 320, 3), 100, np.uint8)
    bars[:, ::16] = 220
    hole = np.zeros((240, 320), bool)
    hole[20:, 40:280] = True
    faded = toward(np.zeros((60, 80, 3), np.uint8), bars, hole, scarce=1.0, unsure=1.0)
    assert np.ptp(faded[100, 100:200].astype(int), axis=0).max() < 0.4 * 120


# --- places, by plain rules


def random_places(rng: np.random.Generator, height: int, width: int) -> NDArray[np.int32]:
    return np.stack([rng.integers(0, n, (height, width)) for n in (height, width)], axis=2).astype(np.int32)


@pytest.mark.parametrize("size", [(14, 9), (23, 31)])
def test_places_of_a_larger_picture_lead_as_far_away_in_proportion(size: tuple[int, int]):
    places, (width, height) = random_places(np.random.default_rng(1), 7, 6), size
    larger = texture.enlarge(places, size)
    for row, column in np.ndindex(height, width):
        of = row * 7 // height, column * 6 // width
        offset = np.rint((places[of] - of) * (height / 7, width / 6))
        np.testing.assert_array_equal(
            larger[row, column], np.clip(np.add((row, column), offset), 0, (height - 1, width - 1))
        )


def test_places_that_must_not_be_copied_make_way_for_the_nearest():
    rng = np.random.default_rng(2)
    places, usable = random_places(rng, 20, 24), np.zeros((20, 24), bool)
    usable[3:6, 4:9] = usable[12, 20] = True
    before, moved = places.copy(), texture.move_to_usable(places, usable)
    np.testing.assert_array_equal(places, before)
    choices = np.argwhere(usable)
    for old, new in zip(places.reshape(-1, 2), moved.reshape(-1, 2), strict=True):
        assert usable[tuple(new)]
        nearest = np.hypot(*(choices - old).T).min()
        assert np.hypot(*(new - old)) <= 1.05 * nearest  # which a mask of 5 x 5 steps measures nearly


def test_border_pixels_go_as_far_as_the_nearest_centre():
    matches = random_places(np.random.default_rng(3), 11, 12)
    carried = texture.carry_to_border(matches, 3)
    for row, column in np.ndindex(11, 12):
        centre = min(max(row, 3), 7), min(max(column, 3), 8)
        np.testing.assert_array_equal(
            carried[row, column], matches[centre] + np.subtract((row, column), centre)
        )
