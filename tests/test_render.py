"""From photo to scene: what is done beside restoring the background, and whose fault is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from numpy.typing import NDArray

from conftest import Pictures
from effect.compositor import frame_at
from effect.errors import UserError
from effect.scene import Scene
from effect.timeline import Timeline
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

    def restore(self, rgb: NDArray[np.uint8], hole: NDArray[np.bool_], avoid: object) -> NDArray[np.uint8]:
        self._restored()
        return np.where(hole[..., None], np.uint8(0), rgb)


def prepared(
    pictures: Pictures, restored: Callable[[], object], plate: Path | None = None
) -> tuple[Scene, Timeline]:
    settings = Settings(mask=pictures.mask, plate=plate, edges="fast", preset_name="burst")
    models = Restorer(restored)
    return prepare(pictures.photo, settings, models, Watch(quiet=True))  # type: ignore[arg-type]


def fail(words: str) -> None:
    raise UserError(words)


def test_drawing_gets_ready_beside_the_restoring(monkeypatch: pytest.MonkeyPatch, pictures: Pictures):
    ready = Event()
    monkeypatch.setattr(render, "get_ready", lambda species: ready.set())
    scene, _ = prepared(pictures, lambda: ready.wait(10) or fail("drawing waits for the plate"))
    assert scene.foreground.shape == scene.photo.shape and not scene.plate[scene.alpha == 1].any()


def test_drawing_gets_ready_where_a_plate_is_given(monkeypatch: pytest.MonkeyPatch, pictures: Pictures):
    done: list[str] = []
    monkeypatch.setattr(render, "get_ready", lambda species: done.append("ready"))
    prepared(pictures, lambda: done.append("restored"), pictures.plate)
    assert done == ["ready"]


def test_a_fault_of_either_is_told_and_restoring_s_first(monkeypatch: pytest.MonkeyPatch, pictures: Pictures):
    monkeypatch.setattr(render, "get_ready", lambda species: fail("no textures"))
    with pytest.raises(UserError, match="no textures"):
        prepared(pictures, lambda: None)
    with pytest.raises(UserError, match="no background"):
        prepared(pictures, lambda: fail("no background"))


def test_whoever_fails_to_restore_does_not_wait_for_drawing(
    monkeypatch: pytest.MonkeyPatch, pictures: Pictures
):
    failed, done = Event(), Event()
    monkeypatch.setattr(render, "get_ready", lambda species: failed.wait(10) and done.set())
    with pytest.raises(UserError, match="no background"):
        prepared(pictures, lambda: fail("no background"))
    failed.set()
    assert done.wait(10), "it had not ended, and goes on"


def test_the_clip_ends_as_its_background_where_only_loose_hair_was_painted_over(
    monkeypatch: pytest.MonkeyPatch, pictures: Pictures
):
    def painted_over(rgb: NDArray[np.uint8], hole: object, avoid: object) -> NDArray[np.uint8]:
        rgb = rgb.copy()
        rgb[:2, :3] ^= 255  # far from the person
        return rgb

    monkeypatch.setattr(render, "without_strands", painted_over)
    scene, timeline = prepared(pictures, lambda: None)
    assert (scene.plate[:2, :3] != scene.photo[:2, :3]).all()
    assert np.array_equal(frame_at(scene, timeline, 0), scene.photo)
    assert np.array_equal(frame_at(scene, timeline, timeline.frame_count - 1), scene.plate)
