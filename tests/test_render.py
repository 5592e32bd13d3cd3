"""From photo to scene: what is done beside restoring the background, and whose fault is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from conftest import Pictures
from effect.errors import UserError
from effect.photo import load_photo
from pipelines import render
from pipelines.render import make_scene
from pipelines.settings import Settings
from pipelines.watch import Watch


class Restorer:
    """In the place of `Models`: restores by `restored`, which is given what begins the work beside it."""

    def __init__(self, restored: Callable[[Callable[[], object]], None]):
        self._restored = restored

    def load_inpainter(self) -> None:
        pass

    def people_in(self, rgb: NDArray[np.uint8]) -> None:
        pass

    def restore(
        self, rgb: NDArray[np.uint8], hole: object, avoid: object, painted: Callable
    ) -> NDArray[np.uint8]:
        self._restored(painted)
        return np.zeros_like(rgb)


def scene_of(pictures: Pictures, restored: Callable[[Callable[[], object]], None], plate: Path | None = None):
    settings = Settings(mask=pictures.mask, plate=plate, edges="fast", preset_name="burst")
    models = Restorer(restored)
    return make_scene(load_photo(pictures.photo), settings.preset(), settings, models, Watch(quiet=True))  # type: ignore[arg-type]


def test_drawing_gets_ready_once_the_network_has_painted(monkeypatch: pytest.MonkeyPatch, pictures: Pictures):
    done: list[str] = []
    monkeypatch.setattr(render, "get_ready", lambda species: done.append("ready"))

    def restored(painted: Callable) -> None:
        done.append("asked")
        painted().result()
        painted()
        done.append("restored")

    scene = scene_of(pictures, restored)
    assert done == ["asked", "ready", "restored"]
    assert scene.foreground.shape == scene.photo.shape and not scene.plate.any()


@pytest.mark.parametrize("with_plate", [False, True])
def test_drawing_gets_ready_where_no_network_paints(
    monkeypatch: pytest.MonkeyPatch, pictures: Pictures, with_plate: bool
):
    done: list[str] = []
    monkeypatch.setattr(render, "get_ready", lambda species: done.append("ready"))
    scene_of(pictures, lambda painted: done.append("restored"), pictures.plate if with_plate else None)
    assert done == (["ready"] if with_plate else ["restored", "ready"])


def test_a_fault_of_either_is_told_and_restoring_s_first(monkeypatch: pytest.MonkeyPatch, pictures: Pictures):
    def fail(words: str) -> None:
        raise UserError(words)

    monkeypatch.setattr(render, "get_ready", lambda species: fail("no textures"))
    with pytest.raises(UserError, match="no textures"):
        scene_of(pictures, lambda painted: None)

    def restored(painted: Callable) -> None:
        painted()
        fail("no background")

    with pytest.raises(UserError, match="no background"):
        scene_of(pictures, restored)
