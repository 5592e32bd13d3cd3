"""From photo to scene: what is done beside restoring the background, and whose fault is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from numpy.typing import NDArray

from conftest import Pictures
from effect.errors import UserError
from effect.scene import Scene
from pipelines import render
from pipelines.render import prepare
from pipelines.settings import Settings
from pipelines.watch import Watch


class Restorer:
    """In the place of `Models`: restores by `restored`."""

    def __init__(self, restored: Callable[[], object]):
        self._restored = restored

    def load_inpainter(self) -> None:
        pass

    def people_in(self, rgb: NDArray[np.uint8]) -> None:
        pass

    @property
    def inpainter(self) -> Restorer:
        return self

    def restore(self, rgb: NDArray[np.uint8], hole: object, avoid: object) -> NDArray[np.uint8]:
        self._restored()
        return np.zeros_like(rgb)


def scene_of(pictures: Pictures, restored: Callable[[], object], plate: Path | None = None) -> Scene:
    settings = Settings(mask=pictures.mask, plate=plate, edges="fast", preset_name="burst")
    models = Restorer(restored)
    return prepare(pictures.photo, settings, models, Watch(quiet=True))[0]  # type: ignore[arg-type]


def fail(words: str) -> None:
    raise UserError(words)


def test_drawing_gets_ready_beside_the_restoring(monkeypatch: pytest.MonkeyPatch, pictures: Pictures):
    ready = Event()
    monkeypatch.setattr(render, "get_ready", lambda species: ready.set())
    scene = scene_of(pictures, lambda: ready.wait(10) or fail("drawing waits for the plate"))
    assert scene.foreground.shape == scene.photo.shape and not scene.plate.any()


def test_drawing_gets_ready_where_a_plate_is_given(monkeypatch: pytest.MonkeyPatch, pictures: Pictures):
    done: list[str] = []
    monkeypatch.setattr(render, "get_ready", lambda species: done.append("ready"))
    scene_of(pictures, lambda: done.append("restored"), pictures.plate)
    assert done == ["ready"]


def test_a_fault_of_either_is_told_and_restoring_s_first(monkeypatch: pytest.MonkeyPatch, pictures: Pictures):
    monkeypatch.setattr(render, "get_ready", lambda species: fail("no textures"))
    with pytest.raises(UserError, match="no textures"):
        scene_of(pictures, lambda: None)
    with pytest.raises(UserError, match="no background"):
        scene_of(pictures, lambda: fail("no background"))


def test_whoever_fails_to_restore_does_not_wait_for_drawing(
    monkeypatch: pytest.MonkeyPatch, pictures: Pictures
):
    failed, done = Event(), Event()
    monkeypatch.setattr(render, "get_ready", lambda species: failed.wait(10) and done.set())
    with pytest.raises(UserError, match="no background"):
        scene_of(pictures, lambda: fail("no background"))
    failed.set()
    assert done.wait(10), "it had not ended, and goes on"
