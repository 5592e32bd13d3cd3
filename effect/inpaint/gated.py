"""The default inpainter: the gated network paints structure and colour, the photo's own patches give the texture."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from effect.errors import UserError
from effect.inpaint.network import Painted, View, open_network, paint
from effect.inpaint.scale import covered, shrink
from effect.inpaint.telea import MAX_SIDE_PX, TeleaInpainter
from effect.inpaint.window import Window
from effect.weights import ships

NETWORK_SIDE_PX = 128  # longer side of what the network sees: near the sizes and holes it was trained on
FAILURES = (ImportError, OSError, RuntimeError, MemoryError)  # of what runs the network, or compiles


class GatedInpainter:
    """The generator with the shipped weights, or one of the user's own, on the CPU."""

    def __init__(
        self, notice: Callable[[str], None], weights: Path | None = None, name: str = "gated"
    ) -> None:
        """name: of the shipped weights, "gated" or "small".

        Raises UserError for missing or damaged weights, ImportError when what runs them cannot be loaded.
        """
        if not weights and not ships(name):
            raise UserError(f"no {name} weights ship yet: leave that out, or name your own with --weights")
        self.name, self._notice = name, notice
        self._network = open_network(name, weights)
        # Beside whatever comes before a photo can be restored: it takes a while.
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="load")
        self._loading = self._pool.submit(self._load)
        self._gave_up = False

    def _load(self) -> Callable[..., NDArray[np.uint8]]:
        """Load the network and `effect.inpaint.texture.synthesize` with its compiled code, which this returns."""
        self._network.load()
        from effect.inpaint import texture

        texture.load_compiled()
        return texture.synthesize

    def close(self) -> None:
        """Whatever is still loading is not waited for."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def restore(
        self,
        rgb: NDArray[np.uint8],
        hole: NDArray[np.bool_],
        avoid: NDArray[np.bool_] | None = None,
        sketch: NDArray[np.bool_] | None = None,
    ) -> NDArray[np.uint8]:
        """See `effect.inpaint.Inpainter.restore`."""
        if not hole.any():
            return rgb.copy()
        window = Window.around(hole)
        avoid = np.zeros_like(hole) if avoid is None else avoid
        try:
            synthesize = self._loading.result()
        except FAILURES as error:
            if not self._gave_up:
                self._notice(
                    f"the inpainting network cannot run ({error}): using telea instead{advice(error)}"
                )
            self._gave_up = True
            return TeleaInpainter().restore(rgb, hole)
        try:
            likely, expected = self.paint(window, rgb, hole, avoid, sketch)
            filled = synthesize(window.of(rgb), window.of(hole), likely, window.of(avoid), expected)
        except FAILURES as error:
            self._notice(f"the inpainting network failed ({error}): using telea instead")
            return TeleaInpainter().restore(rgb, hole)
        return window.paste(rgb, hole, filled)

    def paint(
        self,
        window: Window,
        rgb: NDArray[np.uint8],
        hole: NDArray[np.bool_],
        avoid: NDArray[np.bool_],
        sketch: NDArray[np.bool_] | None = None,
    ) -> Painted:
        """What the network makes of the window."""
        facts = self._network.facts
        if sketch is not None and not facts.takes_sketch:
            raise UserError(
                "these weights take no sketch: train some with --set network.sketch=true and name them with --weights"
            )
        small, missing = window.shrink(rgb, hole, NETWORK_SIDE_PX, multiple=facts.stride)
        strokes = None if sketch is None else window.shrink_strokes(sketch, missing.shape)
        height, width = window.of(hole).shape
        scale = min(1.0, MAX_SIDE_PX / max(height, width))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        broad = shrink(window.of(rgb), window.of(hole), size)
        return paint(self._network, View(small, missing, strokes, *broad, covered(window.of(avoid), size)))


def advice(error: Exception) -> str:
    return (
        "; `pip install -r requirements.txt` brings what is missing" if isinstance(error, ImportError) else ""
    )
