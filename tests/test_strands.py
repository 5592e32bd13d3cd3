"""Loose hair beside a person: taken out of a calm background, looked for in no other."""

import cv2
import numpy as np
import pytest

from effect.inpaint.strands import loose_strands, without_strands

HEIGHT, WIDTH = 300, 400
HAIR = [(160, 130), (154, 118), (151, 107)]  # (x, y) from the person's head upwards


def person() -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[130:, 140:220] = True
    return mask


def sky() -> np.ndarray:
    """A photo with a dark person before a soft gradient."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    photo = np.stack([150 + columns // 8, 170 + rows // 8, np.full(rows.shape, 220)], axis=2).astype(np.uint8)
    photo[person()] = 60, 40, 30
    return photo


def drawn(photo: np.ndarray, points: list[tuple[int, int]], width: int = 1) -> np.ndarray:
    """bool (H, W): where a line was drawn into the photo."""
    before = photo.copy()
    cv2.polylines(photo, [np.array(points)], isClosed=False, color=(70, 50, 40), thickness=width)
    return (photo != before).any(axis=2)


def test_hair_before_the_sky_is_found_and_little_else():
    photo = sky()
    hair = drawn(photo, HAIR) & ~person()
    found = loose_strands(photo, person())
    assert hair.sum() > 15 and found[hair].mean() > 0.95
    assert not (found & person()).any()
    assert not found[cv2.dilate(hair.astype(np.uint8), np.ones((9, 9))) == 0].any()


@pytest.mark.parametrize(
    ("points", "reason"),
    [
        ([(160, 130), (150, 112), (120, 60), (60, 20)], "leads farther than hair"),
        ([(180, 100), (200, 90)], "does not begin at the person"),
        ([(220, 200), (399, 190)], "leads out of the photo"),
    ],
)
def test_lines_of_the_background_stay(points: list[tuple[int, int]], reason: str):
    photo = sky()
    assert drawn(photo, points).any()
    assert not loose_strands(photo, person()).any(), reason


def test_waves_beside_a_person_stay_as_there_are_more_of_them():
    photo = sky()
    for left, row in ((225, 210), (290, 215), (330, 180), (230, 240), (300, 250), (345, 225)):
        drawn(photo, [(left, row), (left + 30, row)])
    assert not loose_strands(photo, person()).any()


def test_nothing_is_taken_for_hair_before_grass():
    photo = sky()
    grass = np.random.default_rng(1).integers(-40, 40, (HEIGHT, WIDTH, 1))
    photo[~person()] = np.clip(photo + grass, 0, 255).astype(np.uint8)[~person()]
    drawn(photo, HAIR)
    assert not loose_strands(photo, person()).any()


@pytest.mark.parametrize("times", [1, 4])
def test_hair_is_painted_over_with_the_sky_behind_it(times: int):
    def grown(picture: np.ndarray) -> np.ndarray:
        return np.asarray(cv2.resize(picture, None, fx=times, fy=times, interpolation=cv2.INTER_NEAREST))

    plain, hole = grown(sky()), grown(person().astype(np.uint8)) > 0
    photo, nobody = plain.copy(), np.zeros_like(hole)
    hair = drawn(photo, [(times * x, times * y) for x, y in HAIR], width=max(1, times // 2)) & ~hole
    before = photo.copy()
    cleaned = without_strands(photo, hole, nobody)
    left = np.abs(cleaned.astype(int) - plain).max(axis=2)
    assert np.percentile(left[hair], 95) <= 4
    assert (photo == before).all() and (cleaned[hole] == photo[hole]).all()
    far = cv2.dilate(hair.astype(np.uint8), np.ones((12 * times + 1,) * 2)) == 0
    assert (cleaned[far] == photo[far]).all()


def test_the_hair_of_people_who_stay_stays():
    photo = sky()
    stays = cv2.dilate(drawn(photo, HAIR).astype(np.uint8), np.ones((15, 15))) > 0
    assert without_strands(photo, person(), stays) is photo


@pytest.mark.parametrize("size", [(1, 1), (2, 9), (5, 3)])
def test_tiny_photos_and_full_holes_have_no_strands(size: tuple[int, int]):
    photo = np.full((*size, 3), 90, np.uint8)
    for hole in (np.zeros(size, bool), np.ones(size, bool)):
        assert not loose_strands(photo, hole).any()


def test_a_hole_of_one_pixel_is_no_person_with_hair():
    photo, hole = sky(), np.zeros((HEIGHT, WIDTH), bool)
    drawn(photo, [(50, 50), (60, 40)])
    hole[51, 49] = True
    assert not loose_strands(photo, hole).any()
