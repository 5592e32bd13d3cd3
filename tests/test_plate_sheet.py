"""The sheet of restored backgrounds: its columns and its size."""

import cv2
import numpy as np
import pytest

from effect.errors import UserError
from effect.segment import Matte
from pipelines.picture_rows import save_rows
from pipelines.plate_sheet import main, seen


def test_the_matte_is_white_on_a_red_hole():
    alpha = np.zeros((4, 6), np.float32)
    alpha[1:3, 1:3] = 1
    hole = np.zeros((4, 6), bool)
    hole[:, :4] = True
    picture = seen(Matte(alpha, hole, ~hole))
    assert picture[1, 1].tolist() == [255, 255, 255]
    assert picture[0, 0].tolist() == [255, 0, 0]
    assert picture[0, 5].tolist() == [0, 0, 0]


def test_rows_of_any_sizes_become_one_picture(tmp_path):
    wide, tall = np.full((20, 60, 3), 200, np.uint8), np.full((50, 20, 3), 90, np.uint8)
    save_rows([[wide, wide], [tall]], tmp_path / "out" / "sheet.png", 10)
    sheet = cv2.imread(str(tmp_path / "out" / "sheet.png"))
    assert sheet.shape == (20, 60, 3)
    assert (sheet[:10] == 200).all() and (sheet[10:, :4] == 90).all() and not sheet[10:, 4:].any()


def test_no_photo_is_an_error():
    with pytest.raises(UserError, match="usage"):
        main([])
