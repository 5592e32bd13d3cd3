"""The networks of a job: loaded at their first use, once, and closed at the end."""

from __future__ import annotations

from contextlib import ExitStack
from functools import cached_property
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from effect.errors import UserError
from pipelines.settings import Settings
from pipelines.watch import Watch

if TYPE_CHECKING:
    from effect.inpaint import Inpainter
    from effect.segment import Segmenter


class Models:
    """Segmenter and inpainter as the settings name them; a batch shares one such pair among its photos."""

    def __init__(self, settings: Settings, watch: Watch) -> None:
        self._settings = settings
        self._watch = watch
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
        """The segmenter; not loaded while masks and plates are given."""
        from effect.segment import open_segmenter

        opened = open_segmenter(self._settings.segmenter, self._settings.sam_checkpoint)
        return self._open.enter_context(opened)

    def people_in(self, rgb: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        """The probability of anybody, float32 (H, W); nothing where nobody is found, or the segmenter cannot run."""
        try:
            return self.segmenter.probability(rgb)
        except UserError:
            return None

    def load_inpainter(self) -> None:
        """Load the inpainter, or say at once what is wrong with it; the rest of it loads beside the next stages."""
        _ = self.inpainter

    @cached_property
    def inpainter(self) -> Inpainter:
        """The inpainter; not loaded while plates are given."""
        from effect.inpaint import open_inpainter

        settings, notice = self._settings, self._watch.notice
        opened = open_inpainter(settings.inpainter, notice, settings.weights)
        self._open.callback(opened.close)
        return opened
