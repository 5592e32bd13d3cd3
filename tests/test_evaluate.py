"""Evaluation: the same cases every time, scores that mean what they say, the verb's table and JSON."""

import io
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save_file

from effect.errors import UserError
from effect.inpaint.nets import build, metadata_of
from pipelines import peers
from pipelines.evaluate import Case, Score, cost, make_cases, markdown, painter_of, resized, score
from pipelines.metrics import psnr, ssim

SIZE = 64
TINY = {
    "gated": {"channels": 8},
    "partial": {"channels": 4, "depth": 3},
    "edges": {"channels": 4, "blocks": 1},
}


def encoded(pixels: NDArray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def oval(height: int, width: int) -> NDArray[np.bool_]:
    y, x = np.mgrid[:height, :width]
    return ((x - width / 2) / (0.35 * width)) ** 2 + ((y - height / 2) / (0.45 * height)) ** 2 < 1


def scene(seed: int) -> NDArray[np.uint8]:
    """Stripes 90 px high and 120 wide, in green and blue."""
    y, x = np.mgrid[:90, :120]
    return np.stack([0 * x, 120 + 100 * np.sin(x / 5 + seed), 90 + y], axis=2).astype(np.uint8)


PHOTOS = [encoded(scene(seed)) for seed in range(4)]
SILHOUETTES = [encoded(oval(200, 90) * 255)]
PERSONS = [encoded(np.dstack([np.full((120, 50, 3), (255, 0, 0)), oval(120, 50) * 255]))]


# --- cases


def test_cases_are_the_middle_squares_with_the_same_holes_every_time():
    first, again = (make_cases(PHOTOS, SILHOUETTES, [], SIZE) for _ in range(2))
    for case, other, seed in zip(first, again, range(4), strict=True):
        assert case.truth.shape == (SIZE, SIZE, 3) and 0.01 < case.hole.mean() < 0.5
        assert case.picture is case.truth and case.hidden is case.hole
        np.testing.assert_array_equal(case.hole, other.hole)
        middle = Image.fromarray(scene(seed)[:, 15:105]).resize((SIZE, SIZE), Image.Resampling.BOX)
        assert abs(case.truth.astype(int) - np.asarray(middle, int)).mean() < 4
    assert (first[0].hole != first[1].hole).any()
    assert all(case.hole.any() for case in make_cases(PHOTOS, [], [], SIZE))  # strokes


def test_small_photos_are_enlarged():
    assert make_cases([encoded(scene(0)[:30, :40])], SILHOUETTES, [], SIZE)[0].truth.shape == (SIZE, SIZE, 3)


def test_an_attack_changes_the_mask_and_nothing_else():
    clean = make_cases(PHOTOS, [], PERSONS, SIZE)
    bitten = make_cases(PHOTOS, [], PERSONS, SIZE, attack=0.3)
    for one, other in zip(clean, bitten, strict=True):
        np.testing.assert_array_equal(one.picture, other.picture)
        np.testing.assert_array_equal(one.hidden, other.hidden)
        assert (one.hole == one.hidden).all() and (one.picture != one.truth).any()
        assert (other.hole <= one.hole).all() and other.hole.sum() < one.hole.sum()
        left = (other.picture[..., 0] > 200) & ~other.hole  # red is the person's alone
        assert left.any() and not ((one.picture[..., 0] > 200) & ~one.hole).any()


def test_an_attack_needs_somebody():
    stand_in = make_cases(PHOTOS, SILHOUETTES, [], SIZE, attack=0.3)
    assert all((case.picture != case.truth).any() for case in stand_in)
    with pytest.raises(UserError, match="--persons"):
        make_cases(PHOTOS, [], [], SIZE, attack=0.3)


# --- scores


def test_a_row_scores_the_completed_picture():
    cases = make_cases(PHOTOS, SILHOUETTES, [], SIZE)
    grey = np.full((SIZE, SIZE, 3), 127, np.uint8)
    row, shown = score("grey", lambda case: grey, cases, None)
    restored = [np.where(case.hole[..., None], grey, case.truth) for case in cases]
    np.testing.assert_array_equal(shown, restored)
    mean = lambda metric, *where: np.mean(
        [metric(r, c.truth, *(getattr(c, w) for w in where)) for r, c in zip(restored, cases, strict=True)]
    )
    assert row.psnr == pytest.approx(mean(psnr)) and row.ssim == pytest.approx(mean(ssim))
    assert row.psnr_hole == pytest.approx(mean(psnr, "hidden"))
    assert row.ssim_hole == pytest.approx(mean(ssim, "hidden"))
    assert row.ssim_own == pytest.approx(np.mean([ssim(grey, case.truth) for case in cases]))
    assert row.perceptual_hole is None and row.ms >= 0


def test_a_band_around_the_hole_is_repainted_too():
    """A painter that knows the truth mends what an attack left visible, as far as the band reaches."""
    cases = make_cases(PHOTOS, [], PERSONS, SIZE, attack=0.3)
    rows = [score("truth", lambda case: case.truth, cases, None, band_px)[0] for band_px in (0, 2, 20)]
    assert rows[0].psnr_hole < rows[1].psnr_hole < rows[2].psnr_hole
    assert rows[0].ssim < rows[2].ssim == pytest.approx(1)


def test_cost_counts_parameters_and_convolutions():
    parameters, gmac = cost(build("gated"), 256)
    assert parameters == pytest.approx(4.05, abs=0.01) and gmac == pytest.approx(25.2, abs=0.1)


def test_networks_paint_pictures_of_the_case_s_size():
    case = make_cases(PHOTOS[:1], SILHOUETTES, [], SIZE)[0]
    for settings in ({"channels": 4, "blocks": 1},):
        painted = painter_of(build("edgeconnect", settings))(case)
        assert painted.shape == (SIZE, SIZE, 3) and painted.dtype == np.uint8


# --- peers


@pytest.mark.parametrize("name", peers.peers())
def test_peers_keep_what_is_known(name: str):
    case: Case = make_cases(PHOTOS, SILHOUETTES, [], SIZE)[0]
    filled = peers.peers()[name](case.picture, case.hole)
    assert filled.dtype == np.uint8 and (filled[~case.hole] == case.picture[~case.hole]).all()
    holey = np.where(case.hole[..., None], np.uint8(255), case.picture)
    np.testing.assert_array_equal(peers.peers()[name](holey, case.hole), filled)  # no peeping


def test_the_mean_colour_is_the_known_pixels_mean():
    rgb, hole = np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4), bool)
    rgb[0], hole[3] = (30, 60, 90), True
    assert (peers.fill_with_mean(rgb, hole)[3] == (10, 20, 30)).all()


# --- the verb


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """photos/, masks/, persons/ and weights of untrained networks."""
    for name, pictures in (("photos", PHOTOS), ("masks", SILHOUETTES), ("persons", PERSONS)):
        (tmp_path / name).mkdir()
        for number, content in enumerate(pictures):
            (tmp_path / name / f"{number}.png").write_bytes(content)
    for name, settings in TINY.items():
        network = build(name, settings)
        state = {key: value.contiguous() for key, value in network.state_dict().items()}
        save_file(state, tmp_path / f"{name}.safetensors", {**metadata_of(network), "step": "7"})
    return tmp_path


def test_the_verb_prints_a_table_or_json(files: Path, run_cli):
    words = [
        "evaluate",
        files / "gated.safetensors",
        files / "partial.safetensors",
        "--photos",
        files / "photos",
    ]
    words += [
        "--masks",
        files / "masks",
        "--size",
        SIZE,
        "--count",
        2,
        "--sheet",
        files / "out" / "sheet.png",
    ]
    table = run_cli(*words)
    assert table.code == 0, table.err
    names = ["gated", "partial", "gated, untrained", "partial, untrained", *peers.peers()]
    assert [line.split("|")[1].strip() for line in table.out.splitlines()[2:]] == names
    assert Image.open(files / "out" / "sheet.png").size == (SIZE * (len(names) + 2), SIZE * 2)

    report = json.loads(run_cli(*words, "--json").out)
    assert (report["photos"], report["size_px"], report["attack"]) == (2, SIZE, 0)
    rows = {row["name"]: row for row in report["rows"]}
    assert list(rows) == names and rows["gated"]["training"]["step"] == "7"
    assert rows["gated"]["parameters"] == rows["gated, untrained"]["parameters"] > 0
    assert rows["Telea"]["parameters"] is None and rows["Telea"]["psnr"] > rows["mean colour"]["psnr"] - 5
    assert f"| {rows['gated']['psnr']:.2f} |" in table.out

    attacked = run_cli(*words, "--persons", files / "persons", "--attack", 0.3, "--json")
    assert json.loads(attacked.out)["attack"] == 0.3


@pytest.mark.parametrize(
    "words, reason",
    [
        (["edges.safetensors", "--photos", "photos"], "draws edges"),
        (["gated.safetensors"], "--photos"),
        (["gated.safetensors", "--photos", "photos", "--attack", "3"], "from 0 to 1"),
        (["gated.safetensors", "--photos", "photos", "--size", "50"], "multiple of 8"),
        (["missing.safetensors", "--photos", "photos"], "missing.safetensors"),
        (["gated.safetensors", "--photos", "photos", "--vgg", "none.safetensors"], "none.safetensors"),
    ],
)
def test_what_cannot_be_evaluated_is_said_in_one_line(files: Path, run_cli, words, reason):
    places = [files / word if "." in word or word == "photos" else word for word in words if word != "3"]
    ran = run_cli("evaluate", *places, *(["3"] if "3" in words else []))
    assert (ran.code, ran.out) == (2, "") and ran.err.count("\n") == 1 and reason in ran.err


def test_a_table_has_dashes_where_there_is_nothing_to_say():
    row = Score("fill", None, None, 20.123, 0.5, 10, 0.25, None, 0.5, 3.4, {"step": "9"})
    last = markdown([row], ["step", "seed"]).splitlines()[-1]
    assert last == "| fill | – | – | 20.12 | 0.5000 | 10.00 | 0.2500 | – | 0.5000 | 3 | 9 | – |"


@pytest.mark.parametrize("size_px", [16, 48, 100])
def test_a_resized_hole_covers_what_it_covered_and_little_more(size_px: int):
    hole = np.zeros((48, 48), bool)
    hole[10:30, 17:40] = True
    scaled = resized(hole, size_px)
    scale = size_px / 48
    inner = np.zeros((size_px, size_px), bool)
    inner[int(np.ceil(10 * scale)) : int(30 * scale), int(np.ceil(17 * scale)) : int(40 * scale)] = True
    assert scaled.dtype == bool and scaled[inner].all()
    reach = 2 * max(1, int(np.ceil(scale))) + 1
    assert not scaled[cv2.dilate(inner.astype(np.uint8), np.ones((reach, reach), np.uint8)) == 0].any()
