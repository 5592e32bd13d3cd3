"""The networks of a job: loaded at their first use, once, and closed at the end."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import cached_property
from typing import TYPE_CHECKING, Self

from pipelines.settings import Settings

if TYPE_CHECKING:
    from effect.inpaint import Inpainter
    from effect.segment import Segmenter


class Models:
    """Segmenter and inpainter as the settings name them; a batch shares one such pair among its photos."""

    def __init__(self, settings: Settings, notice: Callable[[str], None]) -> None:
        self._settings = settings
        self._notice = notice
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close what has been loaded; mediapipe prints a traceback at exit otherwise."""
        self._open.close()

    @cached_property
    def segmenter(self) -> Segmenter:
        """The segmenter; not loaded while masks are given."""
        from effect.segment import open_segmenter

        opened = open_segmenter(self._settings.segmenter, self._settings.sam_checkpoint)
        return self._open.enter_context(opened)

    @cached_property
    def inpainter(self) -> Inpainter:
        """The inpainter; not loaded while plates are given."""
        from effect.inpaint import open_inpainter

        return open_inpainter(self._settings.inpainter, self._notice, self._settings.weights)
