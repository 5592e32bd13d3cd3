"""Which pixels are people: closed holes, dropped specks, and the people at the points that were given."""

import numpy as np
import pytest
from silhouettes import Given, grey, person_shape

from effect.errors import UserError
from effect.segment import matte_of
from effect.segment.people import cleaned, parted, picked
from pipelines.bench_segment import missed_share, overlap

# cleaning


def test_small_holes_close_large_ones_stay_and_specks_go():
    probability = person_shape().astype(np.float32)
    probability[130:134, 150:154] = 0.1
    probability[170:220, 140:180] = 0.05
    probability[5:8, 5:8] = 0.9
    probability[5:20, 290:310] = 0.3
    result = cleaned(probability)
    assert (result[130:134, 150:154] == 1).all()
    assert (result[170:220, 140:180] < 0.1).all()
    assert (result[:30, :30] == 0).all()
    assert (result[5:20, 290:310] == 0).all()


def test_a_large_hole_of_doubt_inside_a_person_closes():
    probability = person_shape().astype(np.float32)
    probability[170:210, 145:175] = 0.45
    assert (cleaned(probability)[170:210, 145:175] == 1).all()


def test_a_gap_at_the_photos_edge_closes_when_in_doubt_only():
    doubtful, corner = (person_shape().astype(np.float32) for _ in range(2))
    doubtful[220:, 150:165], corner[220:, 150:165] = 0.45, 0.05
    assert (cleaned(doubtful)[220:, 150:165] == 1).all()
    assert (cleaned(corner)[220:, 150:165] < 0.1).all()


@pytest.mark.parametrize(
    "probability",
    [np.zeros((90, 70)), np.full((90, 70), 0.4), np.pad(np.ones((1, 1)), ((100, 100), (100, 100)))],
)
def test_nobody_is_an_error_with_advice(probability):
    with pytest.raises(UserError, match=r"no person was found.*--mask"):
        matte_of(grey(probability), Given(probability))


def test_a_person_who_fills_the_frame_is_a_full_matte():
    matte = matte_of(np.full((60, 40, 3), 90, np.uint8), Given(np.ones((60, 40))))
    assert (matte.alpha == 1).all()
    assert matte.hole.all()


# picking


def test_a_point_picks_one_of_two_separate_people():
    left, right = (
        person_shape(centre=80, scale=0.8),
        person_shape(centre=250, scale=0.8),
    )  # heads cut off by scarves
    probability = (left | right).astype(np.float32)
    result = picked(grey(left), probability, [(80, 200)]) > 0.5
    assert (result == left).all()
    both = picked(grey(left), probability, [(80, 200), (250, 200)])
    assert (both == probability).all()


def test_people_who_touch_are_parted_between_their_heads():
    left, right = person_shape(centre=110), person_shape(centre=205)
    photo = grey(left)
    photo[left], photo[right & ~left] = (200, 60, 60), (60, 60, 200)
    probability = (left | right).astype(np.float32)
    result = picked(photo, probability, [(110, 70)]) > 0.5
    assert overlap(result, left) > 0.9
    assert missed_share(result, right & ~left) > 0.9


def test_people_who_hug_are_parted_though_their_heads_hardly_stand_out():
    left, right = person_shape(centre=120), person_shape(centre=185)
    together = left | right
    together[53:, 120:186] = True  # hair that fills the gap, but for the tops of the heads
    labels = parted(grey(together), together)
    assert labels.max() == 2
    assert labels[100, 110] != labels[100, 195]


def test_a_raised_arm_is_no_second_person():
    person = person_shape()
    person[60:240, 222:234] = True
    person[150:170, 200:230] = True
    result = picked(grey(person), person.astype(np.float32), [(160, 70)]) > 0.5
    assert (result == person).all()


@pytest.mark.parametrize(
    "point, words",
    [((5, 5), "no person at 5,5"), ((900, 5), "outside the photo"), ((-1, 5), "outside the photo")],
)
def test_a_point_on_no_person_is_an_error(point, words):
    person = person_shape()
    with pytest.raises(UserError, match=words):
        matte_of(grey(person), Given(person), at=[point])
