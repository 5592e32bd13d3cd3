"""Restoring backgrounds: known pixels stay whatever the hole, failures fall back, faults are named."""

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from effect.errors import UserError
from effect.inpaint import INPAINTERS, Inpainter, open_inpainter
from effect.inpaint.graph import GraphNetwork
from effect.inpaint.window import Window
from effect.weights import ships

HEIGHT, WIDTH = 48, 40  # small: the network runs once a hole


def photo(height: int = HEIGHT, width: int = WIDTH, seed: int = 1) -> NDArray[np.uint8]:
    """A sky over a speckled meadow."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    speckle = np.random.default_rng(seed).normal(0, 25, (height, width)) * (y > height / 2)
    rgb = np.stack([80 + y, 120 + 0.5 * x, 220 - 150 * y / height], axis=2) + speckle[..., None]
    return np.clip(rgb, 0, 255).astype(np.uint8)


def hole_with(*parts: tuple[slice | int, slice | int]) -> NDArray[np.bool_]:
    hole = np.zeros((HEIGHT, WIDTH), bool)
    for part in parts:
        hole[part] = True
    return hole


def scattered(share: float, seed: int) -> NDArray[np.bool_]:
    return np.random.default_rng(seed).random((HEIGHT, WIDTH)) < share


def random_boxes(seed: int) -> NDArray[np.bool_]:
    rng = np.random.default_rng(seed)
    hole = np.zeros((HEIGHT, WIDTH), bool)
    for _ in range(rng.integers(1, 5)):
        top, left = rng.integers(-10, HEIGHT), rng.integers(-10, WIDTH)
        height, width = rng.integers(1, 30, 2)
        hole[max(top, 0) : top + height, max(left, 0) : left + width] = True
    hole[rng.integers(HEIGHT), rng.integers(WIDTH)] ^= True  # never all, never nothing
    return hole


everything = slice(None)
HOLES = {
    "one pixel": hole_with((30, 20)),
    "one pixel in the corner": hole_with((0, 0)),
    "tiny": hole_with((slice(30, 32), slice(10, 13))),
    "thin line": hole_with((everything, 22)),
    "standing at the bottom": hole_with((slice(30, HEIGHT), slice(10, 30))),
    "left half": hole_with((everything, slice(0, WIDTH // 2))),
    "frame": ~hole_with((slice(8, -8), slice(8, -8))),
    "opposite corners": hole_with((slice(0, 9), slice(0, 7)), (slice(-5, None), slice(-6, None))),
    "all but a corner": ~hole_with((slice(0, 4), slice(0, 4))),
    "all but one pixel": ~hole_with((35, 5)),
    "few specks": scattered(0.02, 1),
    "most pixels": scattered(0.97, 2),
    "chequered": np.indices((HEIGHT, WIDTH)).sum(axis=0) % 2 == 0,
    **{f"random boxes {seed}": random_boxes(seed) for seed in range(8)},
}


SHIPPED = [name for name in INPAINTERS if name == "telea" or ships(name)]


@pytest.fixture(scope="module", params=SHIPPED)
def inpainter(request: pytest.FixtureRequest) -> Inpainter:
    return open_inpainter(request.param)


@pytest.fixture(scope="module")
def gated() -> Inpainter:
    return open_inpainter("gated")


@pytest.mark.parametrize("name", HOLES)
def test_known_pixels_stay_and_missing_ones_are_repainted(inpainter: Inpainter, name: str):
    hole = HOLES[name]
    rgb = photo()
    rgb[hole] = (255, 0, 255)
    before = rgb.copy()
    plate = inpainter.restore(rgb, hole)
    assert (plate.shape, plate.dtype) == (rgb.shape, np.uint8)
    np.testing.assert_array_equal(plate[~hole], rgb[~hole])
    np.testing.assert_array_equal(rgb, before)  # nor is the photo written to
    assert not np.shares_memory(plate, rgb)
    assert (plate[hole] != (255, 0, 255)).any(axis=1).mean() > 0.99


@pytest.mark.parametrize("height, width", [(5, 90), (90, 6), (17, 17), (31, 200)])
def test_photos_of_any_shape_are_restored(inpainter: Inpainter, height: int, width: int):
    rgb, hole = photo(height, width), np.zeros((height, width), bool)
    hole[height // 3 : height // 2 + 1, width // 4 : width // 2] = True
    plate = inpainter.restore(rgb, hole)
    np.testing.assert_array_equal(plate[~hole], rgb[~hole])


def test_a_hole_of_nothing_gives_a_copy(inpainter: Inpainter):
    rgb = photo()
    plate = inpainter.restore(rgb, np.zeros(rgb.shape[:2], bool))
    np.testing.assert_array_equal(plate, rgb)
    assert not np.shares_memory(plate, rgb)


@pytest.mark.parametrize("shape", [(HEIGHT, WIDTH), (1, 1)])
def test_a_photo_that_is_all_hole_is_refused(inpainter: Inpainter, shape: tuple[int, int]):
    with pytest.raises(UserError, match="fills the whole photo"):
        inpainter.restore(photo(*shape), np.ones(shape, bool))


def test_a_plain_wall_comes_back_plain(inpainter: Inpainter):
    wall = np.full((HEIGHT, WIDTH, 3), (90, 140, 200), np.uint8)
    hole = HOLES["standing at the bottom"]
    plate = inpainter.restore(np.where(hole[..., None], np.uint8(10), wall), hole)
    assert np.abs(plate.astype(int) - wall).mean(axis=(0, 1)).max() < 6


def test_the_hole_s_colours_do_not_leak_into_the_plate(inpainter: Inpainter):
    hole = HOLES["standing at the bottom"]
    plates = [
        inpainter.restore(np.where(hole[..., None], np.array(rgb, np.uint8), photo()), hole)
        for rgb in ((255, 0, 255), (0, 255, 0))
    ]
    np.testing.assert_array_equal(*plates)


def test_two_runs_give_one_plate(inpainter: Inpainter):
    hole = HOLES["random boxes 1"]
    first, again = (open_inpainter(inpainter.name).restore(photo(), hole) for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_the_plate_meets_the_photo_without_a_step(inpainter: Inpainter):
    y, x = np.mgrid[:80, :64]
    rgb = np.stack([60 + y, 40 + x, 220 - y], axis=2).astype(np.uint8)
    hole = np.zeros(y.shape, bool)
    hole[30:, 20:44] = True
    plate = inpainter.restore(np.where(hole[..., None], np.uint8(0), rgb), hole).astype(int)
    steps = np.abs(plate[35:75, 20] - plate[35:75, 19]), np.abs(plate[35:75, 44] - plate[35:75, 43])
    assert max(step.mean() for step in steps) < 8


# --- what cannot run


def failing(error: Exception) -> Callable[..., None]:
    def fail(*arguments: object, **options: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize("error", [RuntimeError("not enough memory: 12 GB"), MemoryError("no more")])
def test_a_network_that_fails_gives_way_to_telea_with_a_notice(
    monkeypatch: pytest.MonkeyPatch, error: Exception
):
    notices: list[str] = []
    inpainter, hole = open_inpainter("gated", notices.append), HOLES["random boxes 3"]
    monkeypatch.setattr(GraphNetwork, "look", failing(error))
    plate = inpainter.restore(photo(), hole)
    np.testing.assert_array_equal(plate, open_inpainter("telea").restore(photo(), hole))
    assert len(notices) == 1 and "telea" in notices[0] and str(error) in notices[0]


@pytest.mark.parametrize("error", [ImportError("no numba"), OSError("no cache"), RuntimeError("no locator")])
def test_compiled_code_that_cannot_be_loaded_gives_way_to_telea(
    monkeypatch: pytest.MonkeyPatch, error: Exception
):
    notices: list[str] = []
    monkeypatch.setattr("effect.inpaint.texture.load_compiled", failing(error))
    plate = open_inpainter("gated", notices.append).restore(photo(), HOLES["random boxes 3"])
    assert plate.shape == photo().shape
    assert len(notices) == 1 and "telea" in notices[0] and str(error) in notices[0]


@pytest.mark.parametrize(
    "error", [ImportError("no onnxruntime"), OSError("bad file"), RuntimeError("x"), MemoryError("y")]
)
def test_a_network_that_cannot_be_loaded_gives_way_to_telea(
    monkeypatch: pytest.MonkeyPatch, error: Exception
):
    notices: list[str] = []
    monkeypatch.setattr("effect.inpaint.graph.open_session", failing(error))
    hole = HOLES["random boxes 3"]
    plate = open_inpainter("gated", notices.append).restore(photo(), hole)
    np.testing.assert_array_equal(plate, open_inpainter("telea").restore(photo(), hole))
    assert len(notices) == 1 and "telea" in notices[0] and str(error) in notices[0]


def test_what_cannot_be_loaded_is_told_once(monkeypatch: pytest.MonkeyPatch):
    notices: list[str] = []
    monkeypatch.setattr("effect.inpaint.graph.open_session", failing(ImportError("no onnxruntime")))
    inpainter = open_inpainter("gated", notices.append)
    for _ in range(2):
        inpainter.restore(photo(), HOLES["random boxes 3"])
    assert len(notices) == 1 and "pip install" in notices[0]


def test_closing_does_not_wait_for_what_is_loading(monkeypatch: pytest.MonkeyPatch):
    begun, go_on = threading.Event(), threading.Event()
    monkeypatch.setattr(GraphNetwork, "load", lambda self: begun.set() or go_on.wait(20))
    inpainter = open_inpainter("gated")
    assert begun.wait(20)
    inpainter.close()
    assert not go_on.is_set()
    go_on.set()


@pytest.mark.parametrize("error", [ImportError("no torch"), OSError("bad file"), MemoryError("y")])
def test_weights_of_one_s_own_that_cannot_be_loaded_give_way_to_telea(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception
):
    notices: list[str] = []
    monkeypatch.setattr("effect.inpaint.nets.both_ways.load_generator", failing(error))
    assert open_inpainter("gated", notices.append, tmp_path / "own.safetensors").name == "telea"
    assert len(notices) == 1 and "telea" in notices[0] and str(error) in notices[0]


def test_weights_that_do_not_serve_are_named(tmp_path: Path):
    weights = tmp_path / "none.safetensors"
    weights.write_bytes(b"no weights")
    with pytest.raises(UserError, match="holds no weights"):
        open_inpainter("gated", weights=weights)


def test_the_command_line_prints_the_notice(monkeypatch: pytest.MonkeyPatch, run_cli, pictures):
    monkeypatch.setattr(GraphNetwork, "look", failing(MemoryError("no more")))
    plate = pictures.folder / "restored.png"
    ran = run_cli("restore", pictures.photo, "-o", plate, "--mask", pictures.mask)
    assert ran.code == 0, ran.err
    assert "telea" in ran.err and "Traceback" not in ran.err
    assert Image.open(plate).size == Image.open(pictures.photo).size


def test_an_unknown_inpainter_is_named():
    with pytest.raises(UserError, match=r"'lama'.*gated.*telea"):
        open_inpainter("lama")


# --- the window around the hole


@pytest.mark.parametrize("name", HOLES)
def test_the_window_holds_the_hole_and_something_known(name: str):
    hole = HOLES[name]
    window = Window.around(hole)
    assert window.of(hole).sum() == hole.sum()
    assert not window.of(hole).all()


def test_the_window_reaches_beyond_the_hole_by_half_of_it():
    hole = np.zeros((1000, 1000), bool)
    hole[400:600, 450:500] = True
    window = Window.around(hole)
    assert window.left <= 450 - 100 and window.right >= 500 + 100
    assert window.top <= 400 - 100 and window.bottom >= 600 + 100
    assert window.bottom - window.top < 500  # but not to the whole photo


def test_any_coverage_counts_as_hole_when_shrunk():
    hole = np.zeros((256, 256), bool)
    hole[::40, ::40] = True  # specks of one pixel
    window = Window.around(hole)
    small, missing = window.shrink(photo(256, 256), hole, max_side_px=64, multiple=8)
    assert small.shape == (*missing.shape, 3)
    assert max(missing.shape) <= 64 and all(side % 8 == 0 for side in missing.shape)
    assert not missing.all()
    rows, columns = np.nonzero(window.of(hole))
    height, width = window.of(hole).shape
    assert missing[rows * missing.shape[0] // height, columns * missing.shape[1] // width].all()


def test_a_last_known_corner_stays_known_when_shrunk_and_is_all_that_does():
    hole = np.ones((256, 256), bool)
    hole[:8, :8] = False  # two small pixels wide: with two more counted as hole around, nothing would be left
    _, missing = Window.around(hole).shrink(photo(256, 256), hole, max_side_px=64, multiple=8)
    expected = np.ones((64, 64), bool)
    expected[:2, :2] = False
    np.testing.assert_array_equal(missing, expected)
