"""The frame is even, covered by the photo, and cut around the person."""

from __future__ import annotations

import numpy as np
import pytest

from effect.errors import UserError
from effect.framing import (
    framing_of,
    scale_alpha,
    scale_hole,
    scale_mask,
    scale_picture,
    scale_points,
    window_around,
)


@pytest.mark.parametrize("photo", [(97, 131), (1920, 1080), (4032, 3024), (33, 321)])
@pytest.mark.parametrize("frame", [None, (96, 128), (1080, 1920), (75, 55)])
def test_frames_are_even_and_covered(photo: tuple[int, int], frame: tuple[int, int] | None) -> None:
    framing = framing_of(photo, frame)
    assert framing.frame_size[0] % 2 == 0 and framing.frame_size[1] % 2 == 0
    assert framing.scaled_size[0] >= framing.frame_size[0] and framing.scaled_size[1] >= framing.frame_size[1]
    slack = np.subtract(framing.scaled_size, framing.frame_size)
    assert slack.min() <= 1  # it covers the frame, and no more than that
    across, down = np.divide(framing.scaled_size, photo)
    assert across == pytest.approx(down, rel=0.05)


def test_default_size_only_shrinks() -> None:
    assert framing_of((512, 512)).scaled_size == (512, 512)
    assert framing_of((333, 501)).frame_size == (332, 500)
    assert framing_of((4000, 3000)).frame_size == (1920, 1440)


def test_an_odd_photo_is_cropped_not_resampled() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (51, 33, 3), dtype=np.uint8)
    framing = framing_of((33, 51))
    window = window_around(np.ones((51, 33), np.float32), framing)
    cropped = window.of(scale_picture(photo, framing))
    assert cropped.shape == (50, 32, 3)
    assert (cropped == photo[window.top :][:50, window.left :][:, :32]).all()


def test_window_follows_the_person() -> None:
    framing = framing_of((300, 200), (100, 200))
    for left in (0, 120, 250):
        alpha = np.zeros((200, 300), np.float32)
        alpha[40:180, left : left + 50] = 1
        window = window_around(alpha, framing)
        assert (window.width, window.height) == (100, 200)
        assert window.of(alpha).sum() == alpha.sum()
        assert 0 <= window.left <= 200


def test_the_head_of_a_tall_person_stays() -> None:
    alpha = np.zeros((300, 100), np.float32)
    alpha[50:290, 30:70] = 1
    window = window_around(alpha, framing_of((100, 300), (100, 120)))
    assert window.top <= 50 < window.top + 20


def test_a_crowd_wider_than_the_frame_is_centred_on_its_mass() -> None:
    alpha = np.zeros((100, 400), np.float32)
    alpha[20:90, 10:20] = 1
    alpha[20:90, 200:300] = 1
    window = window_around(alpha, framing_of((400, 100), (120, 100)))
    assert window.of(alpha).sum() >= 0.8 * alpha.sum()


def test_masks_and_points_scale_along() -> None:
    framing = framing_of((200, 100), (100, 50))
    mask = np.zeros((100, 200), bool)
    mask[20:60, 100:160] = True
    scaled = scale_mask(mask, framing)
    assert scaled.shape == (50, 100) and scaled[10:30, 50:80].all() and scaled.sum() == 600
    assert scale_points([(0, 0), (199, 99), (130, 40)], framing) == [(0, 0), (99, 49), (65, 20)]


@pytest.mark.parametrize("size", [(20, 10), (55, 25), (400, 200)])
def test_scaled_holes_cover_the_person(size: tuple[int, int]) -> None:
    hole = np.zeros((100, 200), bool)
    hole[31:58, 47:101] = True
    scaled, alpha = scale_hole(hole, size), scale_alpha(hole.astype(np.float32), size)
    assert scaled.shape == alpha.shape == size[::-1]
    assert scaled[alpha > 0].all() and not scaled.all()
    assert alpha.max() == 1 and alpha.mean() == pytest.approx(hole.mean(), rel=0.03)


def test_points_outside_the_photo_are_refused() -> None:
    with pytest.raises(UserError, match="outside the photo, which is 200x100"):
        scale_points([(200, 5)], framing_of((200, 100)))
