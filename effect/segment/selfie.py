"""The default segmenter: MediaPipe's selfie segmentation, both variants, run in many looks (see passes.py).

The model, a MobileNetV3-like network, is described in Google's "Model Card: MediaPipe Selfie Segmentation"
(2021).
This module is the one place that knows mediapipe.
"""

import contextlib
import importlib
import sys
from collections.abc import Iterator, Sequence
from types import ModuleType, TracebackType
from typing import Any, Self

import cv2
import numpy as np

from effect.errors import UserError
from effect.native_log import native_log_silenced
from effect.segment.passes import person_probability
from effect.weights import checked_weights

SQUARE_SIZE = (
    256,
    256,
)  # width, height in pixels of what each variant sees; a photo is squashed, not letterboxed
LANDSCAPE_SIZE = (256, 144)


class MediapipeSegmenter:
    """Probability of person from mediapipe; a context manager that loads its models once and closes them.

    An ImageSegmenter left open prints a traceback when Python exits, so close() is part of every use.
    """

    def __init__(self) -> None:
        self._open: list[Any] = []
        try:
            with native_log_silenced():
                self._square = self._load("selfie_segmentation.tflite", SQUARE_SIZE)
                self._landscape = self._load("selfie_segmentation_landscape.tflite", LANDSCAPE_SIZE)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the native models; calling it twice is fine."""
        with native_log_silenced():
            while self._open:
                self._open.pop().close()

    def probability(self, rgb: np.ndarray, at: Sequence[tuple[int, int]] = ()) -> np.ndarray:
        """Probability of person for a photo uint8 (H, W, 3): float32 (H, W) in 0-1.

        Everybody is found; which of them `at` means is decided afterwards (people.py).
        """
        if not self._open:
            raise RuntimeError("this segmenter was closed")
        return person_probability(rgb, self._look)

    def _look(self, rgb: np.ndarray, both_variants: bool) -> np.ndarray:
        height, width = rgb.shape[:2]
        variants = [(self._square, SQUARE_SIZE), (self._landscape, LANDSCAPE_SIZE)][
            : 2 if both_variants else 1
        ]
        answers = [_mirrored_mean(model, _squash(rgb, size)) for model, size in variants]
        return np.mean(
            [cv2.resize(answer, (width, height), interpolation=cv2.INTER_LINEAR) for answer in answers],
            axis=0,
        )

    def _load(self, file_name: str, size: tuple[int, int]) -> Any:
        with _plots_put_off():
            from mediapipe.tasks.python import BaseOptions
            from mediapipe.tasks.python.vision import ImageSegmenter, ImageSegmenterOptions

        options = ImageSegmenterOptions(
            base_options=BaseOptions(model_asset_buffer=checked_weights(file_name).read_bytes()),
            output_confidence_masks=True,
            output_category_mask=False,
        )
        try:
            model = ImageSegmenter.create_from_options(options)
        except (RuntimeError, ValueError, OSError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise UserError(
                f"mediapipe cannot run {file_name} ({reason}): give a mask with --mask PNG"
            ) from error
        self._open.append(model)
        _answer(model, np.zeros((size[1], size[0], 3), np.uint8))  # the first run logs lines of its own
        return model


class _PutOff(ModuleType):
    """A module that is imported when something of it is asked for."""

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(self.__name__), name)


@contextlib.contextmanager
def _plots_put_off() -> Iterator[None]:
    """What is imported in the block gets a matplotlib that loads at its first use: mediapipe's drawings, which nobody
    asks for, would load it every time, a third of what the models take until they answer."""
    package, plots = _PutOff("matplotlib"), _PutOff("matplotlib.pyplot")
    package.pyplot = plots  # type: ignore[attr-defined]
    put_off = {one.__name__: one for one in (package, plots) if one.__name__ not in sys.modules}
    sys.modules.update(put_off)
    try:
        yield
    finally:
        for name in put_off:
            del sys.modules[name]


def _squash(rgb: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    shrinks = rgb.shape[0] * rgb.shape[1] > size[0] * size[1]
    return cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def _mirrored_mean(model: Any, rgb: np.ndarray) -> np.ndarray:
    mirrored = np.ascontiguousarray(rgb[:, ::-1])
    return (_answer(model, np.ascontiguousarray(rgb)) + _answer(model, mirrored)[:, ::-1]) / 2


def _answer(model: Any, rgb: np.ndarray) -> np.ndarray:
    from mediapipe import Image, ImageFormat

    result = model.segment(Image(image_format=ImageFormat.SRGB, data=rgb))
    return result.confidence_masks[0].numpy_view().reshape(rgb.shape[:2]).astype(np.float32)
