"""Restoring with a network of one's own, with the small one, and along a sketch."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from untrained import save_untrained

from effect.errors import UserError
from effect.inpaint import gated, network, open_inpainter
from effect.inpaint.gated import GatedInpainter
from effect.inpaint.window import Window
from effect.weights import checked_weights, ships

HEIGHT, WIDTH = 48, 40


def photo() -> NDArray[np.uint8]:
    return np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)


def person() -> NDArray[np.bool_]:
    hole = np.zeros((HEIGHT, WIDTH), bool)
    hole[30:, 12:28] = True
    return hole


def strokes() -> NDArray[np.bool_]:
    drawn = np.zeros((HEIGHT, WIDTH), bool)
    drawn[37:40] = True
    return drawn


def test_a_sketch_changes_what_a_network_that_takes_sketches_paints(tmp_path: Path):
    weights = save_untrained(tmp_path, "gated", channels=8, sketch=True)
    inpainter = open_inpainter("gated", weights=weights)
    hole = person()
    assert isinstance(inpainter, GatedInpainter)
    window = Window.around(hole)
    nobody = np.zeros_like(hole)
    plain, along = (
        inpainter.paint(window, photo(), hole, nobody, sketch).likely for sketch in (None, strokes())
    )
    assert (plain != along).any()
    plate = inpainter.restore(photo(), hole, sketch=strokes())
    np.testing.assert_array_equal(plate[~hole], photo()[~hole])


def test_weights_without_a_sketch_refuse_one(tmp_path: Path):
    weights = save_untrained(tmp_path, "gated", channels=8)
    with pytest.raises(UserError, match=r"network\.sketch=true"):
        open_inpainter("gated", weights=weights).restore(photo(), person(), sketch=strokes())


def test_other_networks_of_the_lab_restore_too(tmp_path: Path):
    weights = save_untrained(tmp_path, "partial", channels=4, depth=4)
    hole = person()
    plate = open_inpainter("gated", weights=weights).restore(photo(), hole)
    np.testing.assert_array_equal(plate[~hole], photo()[~hole])


def test_a_network_that_needs_edges_is_refused(tmp_path: Path):
    weights = save_untrained(tmp_path, "edges", channels=4, blocks=1)
    with pytest.raises(UserError, match="needs edges"):
        open_inpainter("gated", weights=weights)


def test_until_small_weights_ship_the_option_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, run_cli
):
    monkeypatch.setattr(gated, "ships", lambda name: False)
    Image.fromarray(photo()).save(tmp_path / "photo.png")
    Image.fromarray(person().astype(np.uint8) * 255).save(tmp_path / "mask.png")
    words = ["restore", tmp_path / "photo.png", "-o", tmp_path / "plate.png", "--mask", tmp_path / "mask.png"]
    ran = run_cli(*words, "--inpainter", "small")
    assert ran.code == 2 and ran.err.count("\n") == 1 and "no small weights ship yet" in ran.err
    assert not (tmp_path / "plate.png").exists()


def test_the_small_inpainter_paints_with_the_weights_that_ship_for_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, run_cli
):
    asked: list[str] = []
    monkeypatch.setattr(network, "checked_weights", lambda name: asked.append(name) or checked_weights(name))
    Image.fromarray(photo()).save(tmp_path / "photo.png")
    Image.fromarray(person().astype(np.uint8) * 255).save(tmp_path / "mask.png")
    words = ["restore", tmp_path / "photo.png", "-o", tmp_path / "plate.png", "--mask", tmp_path / "mask.png"]
    ran = run_cli(*words, "--inpainter", "small")
    assert ran.code == 0, ran.err
    assert asked == ["small.safetensors", "small_look.onnx"] and (tmp_path / "plate.png").exists()
    inpainter = open_inpainter("small")
    assert inpainter.name == "small"
    np.testing.assert_array_equal(inpainter.restore(photo(), person())[~person()], photo()[~person()])


def test_the_shipped_weights_follow_a_sketch(tmp_path: Path, run_cli):
    for name, picture in {"photo": photo(), "mask": person(), "sketch": strokes()}.items():
        levels = picture if picture.dtype == np.uint8 else picture.astype(np.uint8) * 255
        Image.fromarray(levels).save(tmp_path / f"{name}.png")
    words = ["restore", tmp_path / "photo.png", "--mask", tmp_path / "mask.png", "-o", tmp_path / "plate.png"]
    ran = run_cli(*words, "--sketch", tmp_path / "sketch.png")
    assert ran.code == 0, ran.err
    assert Image.open(tmp_path / "plate.png").size == (WIDTH, HEIGHT)
    inpainter, hole = open_inpainter("gated"), person()
    assert isinstance(inpainter, GatedInpainter)
    plain, along = (
        inpainter.paint(Window.around(hole), photo(), hole, np.zeros_like(hole), sketch).likely
        for sketch in (None, strokes())
    )
    assert (plain != along).any()


def test_weights_ship_when_they_are_listed(tmp_path: Path):
    (tmp_path / "weights.toml").write_text("[gated]\nsha256 = ''")
    assert ships("gated", tmp_path) and not ships("small", tmp_path) and ships("gated")


def test_thick_strokes_become_lines_of_one_pixel():
    drawn = np.zeros((120, 160), bool)
    drawn[50:62] = True
    thin = Window(0, 120, 0, 160).shrink_strokes(drawn, (30, 40))
    assert (thin.sum(axis=0)[4:-4] == 1).all()
