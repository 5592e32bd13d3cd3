"""Finding people: the looks, the mattes, the real models and their silence."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import cv2
import numpy as np
import pytest
from silhouettes import Given, grey, person_shape

from effect.errors import UserError
from effect.photo import load_photo
from effect.segment import matte_from_mask, matte_of, open_segmenter
from effect.segment.hole import grown, growth_px
from effect.segment.passes import person_boxes, person_probability, tiles
from effect.weights import MODELS_FOLDER, checked_weights
from pipelines.bench_segment import main as bench
from pipelines.bench_segment import missed_share, overlap

ROOT = Path(__file__).resolve().parent.parent
ASTRONAUT = ROOT / "assets" / "demo" / "astronaut.jpg"
FACE, HELMET, FLAG = (225, 120), (370, 430), (40, 100)  # pixels x, y of the astronaut's photo


@pytest.fixture(scope="module")
def segmenter():
    with open_segmenter("mediapipe") as opened:
        yield opened


@pytest.fixture(scope="module")
def astronaut():
    return load_photo(ASTRONAUT).rgb


# looks


def test_tiles_cover_the_picture_and_overlap_by_half():
    covered = np.zeros((300, 90), int)
    for tile in tiles(90, 300, 3):
        covered[tile.slices] += 1
    assert covered.min() == 1
    assert covered.max() == 2
    assert (covered == 2).mean() == pytest.approx(0.5, abs=0.05)
    assert [(tile.width, tile.height) for tile in tiles(300, 90, 2)] == [(200, 90)] * 2


def test_a_perfect_look_passes_through_unchanged():
    truth = person_shape()
    photo = np.repeat(truth[..., None].astype(np.uint8) * 255, 3, axis=2)
    probability = person_probability(photo, lambda rgb, both: rgb[..., 0].astype(np.float32) / 255)
    assert probability == pytest.approx(truth.astype(np.float32), abs=1e-5)


@pytest.mark.parametrize("inside", [np.s_[:, 30:60], np.s_[30:60, :], np.s_[:, :]])
def test_a_person_from_edge_to_edge_of_the_photo_is_looked_at(inside):
    photo = np.zeros((120, 90, 3), np.uint8)
    photo[inside] = 255
    probability = person_probability(photo, lambda rgb, both: rgb[..., 0].astype(np.float32) / 255)
    np.testing.assert_allclose(probability, photo[..., 0] / 255, atol=1e-6)


def test_a_closer_look_replaces_a_coarse_one():
    truth = person_shape()

    def look(rgb, both):
        whole = rgb.shape[:2] == truth.shape
        seen = rgb[..., 0].astype(np.float32) / 255
        return cv2.blur(seen, (41, 41)) if whole else seen

    photo = np.repeat(truth[:, :, None].astype(np.uint8) * 255, 3, axis=2)
    padded = cv2.copyMakeBorder(photo, 0, 0, 200, 200, cv2.BORDER_CONSTANT)
    truth = np.pad(truth, ((0, 0), (200, 200)))
    probability = person_probability(padded, look)
    coarse = cv2.blur(truth.astype(np.float32), (41, 41))
    assert overlap(probability > 0.5, truth) > overlap(coarse > 0.5, truth) + 0.02


def test_tiles_that_miss_the_context_of_a_body_do_not_remove_it():
    truth = person_shape()

    def look(rgb, both):
        seen = rgb[..., 0].astype(np.float32) / 255
        return seen if both else np.zeros_like(seen)

    photo = np.repeat(truth[..., None].astype(np.uint8) * 255, 3, axis=2)
    inside = cv2.erode(truth.astype(np.uint8), np.ones((21, 21), np.uint8)) > 0
    assert inside.sum() > 100
    assert (person_probability(photo, look)[inside] > 0.5).all()


def test_large_photos_are_looked_at_in_a_bounded_size_and_answered_in_their_own():
    sides = []

    def look(rgb, both):
        sides.append(max(rgb.shape[:2]))
        return rgb[..., 0].astype(np.float32) / 255

    photo = np.zeros((3000, 4000, 3), np.uint8)
    photo[800:3000, 1500:2500] = 255
    probability = person_probability(photo, look)
    assert probability.shape == (3000, 4000)
    assert max(sides) <= 1280
    assert overlap(probability > 0.5, photo[..., 0] > 0) > 0.98


def test_boxes_of_distant_people_stay_apart_and_specks_get_none():
    probability = np.zeros((200, 400), np.float32)
    probability[50:200, 20:100] = 0.9
    probability[60:200, 280:360] = 0.8
    probability[10:13, 200:203] = 0.9
    assert sorted((box.left, box.right) for box in person_boxes(probability)) == [(20, 100), (280, 360)]


# mattes


def test_the_hole_holds_the_matte_and_a_margin_around_it():
    person = np.zeros((400, 300), bool)
    person[150:, 100:200] = True
    matte = matte_of(grey(person), Given(person), edges="fast")
    margin = growth_px(400)
    assert matte.hole[matte.alpha >= 0.25].all()
    assert matte.hole[300, 100 - margin : 200 + margin].all()
    assert not matte.hole[300, : 100 - 3 * margin].any()
    assert matte.alpha.dtype == np.float32


def test_a_mask_of_another_size_or_an_empty_one_is_refused():
    with pytest.raises(UserError, match="the photo's size"):
        matte_from_mask(np.zeros((20, 30, 3), np.uint8), np.ones((20, 31), bool))
    with pytest.raises(UserError, match="empty"):
        matte_from_mask(np.zeros((20, 30, 3), np.uint8), np.zeros((20, 30), bool))


def test_a_mask_is_followed():
    person = person_shape()
    matte = matte_from_mask(grey(person), person, edges="fast")
    assert overlap(matte.alpha > 0.5, person) > 0.97


# the real models


def test_the_astronaut_is_found_with_her_helmet_and_without_the_flag(segmenter, astronaut):
    matte = matte_of(astronaut, segmenter)
    assert matte.alpha[FACE[1], FACE[0]] == 1
    assert matte.alpha[HELMET[1], HELMET[0]] == 1
    assert matte.alpha[FLAG[1], FLAG[0]] == 0
    assert 0.35 < matte.alpha.mean() < 0.65


def test_the_astronaut_is_found_alike_at_nearby_and_smaller_sizes(segmenter, astronaut):
    shares = [
        matte_of(cv2.resize(astronaut, (side, side), interpolation=cv2.INTER_AREA), segmenter).alpha.mean()
        for side in (512, 511, 360)
    ]
    assert max(shares) < 1.15 * min(shares)


def test_the_same_photo_twice_gives_the_same_answer(segmenter, astronaut):
    small = cv2.resize(astronaut, (128, 128), interpolation=cv2.INTER_AREA)
    assert (segmenter.probability(small) == segmenter.probability(small)).all()


@pytest.mark.parametrize("size", [(1, 1), (3, 500), (700, 9)])
def test_extreme_sizes_are_answered_in_their_own_size(segmenter, size):
    answer = segmenter.probability(np.full((*size, 3), 128, np.uint8))
    assert answer.shape == size
    assert answer.dtype == np.float32


def test_an_empty_wall_holds_nobody(segmenter):
    with pytest.raises(UserError, match="no person was found"):
        matte_of(np.full((300, 200, 3), 180, np.uint8), segmenter)


def test_a_closed_segmenter_says_so(astronaut):
    with open_segmenter("mediapipe") as segmenter:
        pass
    with pytest.raises(RuntimeError, match="closed"):
        segmenter.probability(astronaut)


def test_native_code_never_writes_to_the_users_screen():
    script = (
        "from effect.photo import load_photo\nfrom effect.segment import open_segmenter\nimport sys\n"
        "with open_segmenter('mediapipe') as segmenter:\n"
        f"    segmenter.probability(load_photo({str(ASTRONAUT)!r}).rgb)\n"
        "print('mine', file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0
    assert (done.stdout, done.stderr) == ("", "mine\n")


def test_an_error_inside_the_block_still_closes_the_models():
    script = (
        "from effect.segment import open_segmenter\n"
        "with open_segmenter('mediapipe'):\n    raise SystemExit(7)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stderr) == (7, "")


def test_plots_are_loaded_by_who_draws_them_alone():
    pytest.importorskip("matplotlib")
    code = (
        "import sys\n"
        "from effect.segment import open_segmenter\n"
        "open_segmenter('mediapipe').close()\n"
        "assert not [name for name in sys.modules if name.startswith('matplotlib')]\n"
        "from mediapipe.tasks.python.vision import drawing_utils\n"
        "assert callable(drawing_utils.plt.figure)\n"
        "import matplotlib.pyplot\n"
        "assert drawing_utils.plt.figure is matplotlib.pyplot.figure\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_an_unknown_segmenter_is_an_error():
    with pytest.raises(UserError, match="mediapipe or sam"):
        open_segmenter("magic")


# weights


def test_every_listed_weight_file_is_the_one_that_was_tested():
    listed = tomllib.loads((MODELS_FOLDER / "weights.toml").read_text(encoding="utf-8"))
    for name in ("selfie_segmentation", "selfie_segmentation_landscape"):
        assert checked_weights(listed[name]["file"]).is_file()


def test_damaged_and_missing_weights_are_named(tmp_path):
    shutil.copy(MODELS_FOLDER / "weights.toml", tmp_path)
    with pytest.raises(UserError, match=r"selfie_segmentation\.tflite is missing"):
        checked_weights("selfie_segmentation.tflite", tmp_path)
    (tmp_path / "selfie_segmentation.tflite").write_bytes(b"version https://git-lfs")
    with pytest.raises(UserError, match="damaged"):
        checked_weights("selfie_segmentation.tflite", tmp_path)


# the measurement


def test_the_measurement_counts_overlap_and_missed_pixels():
    truth = np.zeros((200, 100), bool)
    truth[50:150, 20:80] = True
    mask = np.zeros_like(truth)
    mask[50:150, 20:50] = True
    assert overlap(mask, truth) == 0.5
    assert missed_share(mask, truth) == 0.5
    assert missed_share(grown(mask, growth_px(len(mask))), truth) == pytest.approx(0.45)


def test_the_measurement_prints_its_numbers(tmp_path, capsys, segmenter, astronaut):
    mask = (matte_of(astronaut, segmenter).alpha > 0.5).astype(np.uint8) * 255
    shutil.copy(ASTRONAUT, tmp_path / "one_img.jpg")
    cv2.imwrite(str(tmp_path / "one_mask.png"), mask)
    assert bench([str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "mean IoU at 0.5                               1.0000" in printed
    assert "outside the mask grown by 1.5 %        0.00 %" in printed
    assert bench([]) == 2
