"""Restoring the background: what the person hid is painted once, from the photo around them."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from effect.errors import UserError

INPAINTERS = ("gated", "small", "telea")


class Inpainter(Protocol):
    """Paints the missing part of a photo; loaded once, used for any number of photos."""

    @property
    def name(self) -> str: ...

    def close(self) -> None:
        """Let go of what is loaded."""

    def restore(
        self,
        rgb: NDArray[np.uint8],
        hole: NDArray[np.bool_],
        avoid: NDArray[np.bool_] | None = None,
        sketch: NDArray[np.bool_] | None = None,
    ) -> NDArray[np.uint8]:
        """rgb: uint8 (H, W, 3); hole: bool (H, W), True = missing; avoid: bool (H, W), known pixels that must not be
        copied into the hole, such as people who stay; sketch: bool (H, W), strokes where the background has edges.
        Returns uint8 (H, W, 3), the plate, which equals rgb outside the hole bit for bit. Raises UserError when
        nothing of the background is left to learn from."""
        ...


def open_inpainter(
    name: str = "gated",
    notice: Callable[[str], None] = lambda text: None,
    weights: Path | None = None,
) -> Inpainter:
    """Load an inpainter: "gated" (the project's network, with the shipped weights or others), "small" (the same, of
    phone size) or "telea" (classical).

    When the network cannot run (what runs it is missing or broken, memory runs out), `notice` is called with one line
    that says so and Telea's method takes over. Raises UserError for an unknown name and for damaged weights.
    """
    from effect.inpaint.telea import TeleaInpainter

    if name == "telea":
        return TeleaInpainter()
    if name not in INPAINTERS:
        raise UserError(f"unknown inpainter '{name}': choose one of {', '.join(INPAINTERS)}")
    try:
        from effect.inpaint.gated import GatedInpainter

        return GatedInpainter(notice, weights, name)
    except (ImportError, OSError, RuntimeError, MemoryError) as error:
        notice(f"the inpainting network cannot run ({error}): using telea instead")
        return TeleaInpainter()
