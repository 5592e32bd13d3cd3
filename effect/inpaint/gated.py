"""The default inpainter: the gated network paints structure and colour, the photo's own patches give the texture."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from effect.errors import UserError
from effect.inpaint.telea import TeleaInpainter
from effect.inpaint.texture import synthesize
from effect.inpaint.window import Window
from effect.weights import checked_weights, ships

NEED_EDGES = ("edges", "edgeconnect")
NETWORK_SIDE_PX = 128  # longer side of what the network sees: near the sizes and holes it was trained on


class GatedInpainter:
    """GatedGenerator with the shipped weights, or a generator of the user's own, on the CPU."""

    def __init__(self, notice: Callable[[str], None], weights: Path | None = None, name: str = "gated"):
        """name: of the shipped weights, "gated" or "small". Raises UserError for missing or damaged weights,
        ImportError when torch cannot be loaded."""
        from effect.inpaint.nets import load_generator, metadata_of

        if not weights and not ships(name):
            raise UserError(f"no {name} weights ship yet: leave that out, or name your own with --weights")
        self.name, self._notice = name, notice
        self._generator = load_generator(weights or checked_weights(f"{name}.safetensors"))
        network = metadata_of(self._generator)["network"]
        if network in NEED_EDGES:
            raise UserError(
                f"{weights} holds the network '{network}', which needs edges: use gated, partial or lbam"
            )

    def restore(
        self,
        rgb: NDArray[np.uint8],
        hole: NDArray[np.bool_],
        avoid: NDArray[np.bool_] | None = None,
        sketch: NDArray[np.bool_] | None = None,
    ) -> NDArray[np.uint8]:
        """See `effect.inpaint.Inpainter.restore`."""
        if sketch is not None and not getattr(self._generator.config, "sketch", False):
            raise UserError(
                "these weights take no sketch: train some with --set network.sketch=true and name them with --weights"
            )
        if not hole.any():
            return rgb.copy()
        window = Window.around(hole)
        try:
            guide = self.paint(window, rgb, hole, sketch)
            not_copied = None if avoid is None else window.of(avoid)
            painted = synthesize(window.of(rgb), window.of(hole), guide, not_copied)
        except (RuntimeError, MemoryError) as error:
            self._notice(f"the inpainting network failed ({error}): using telea instead")
            return TeleaInpainter().restore(rgb, hole)
        return window.paste(rgb, hole, painted)

    def paint(
        self,
        window: Window,
        rgb: NDArray[np.uint8],
        hole: NDArray[np.bool_],
        sketch: NDArray[np.bool_] | None = None,
    ) -> NDArray[np.uint8]:
        """What the network paints, at the network's size: uint8 (h, w, 3), known pixels as in the photo."""
        import torch

        small, missing = window.shrink(rgb, hole, NETWORK_SIDE_PX, multiple=self._generator.stride)
        picture = torch.from_numpy(small).permute(2, 0, 1)[None].float() / 127.5 - 1
        mask = torch.from_numpy(missing)[None, None].float()
        strokes = None
        if sketch is not None:
            thin = window.shrink_strokes(sketch, missing.shape)
            strokes = torch.from_numpy(thin)[None, None].float()
        with torch.inference_mode():
            refined = self._generator(picture, mask, strokes)[-1]
        painted = ((refined[0].permute(1, 2, 0) + 1) * 127.5).round().clamp(0, 255).byte().numpy()
        return np.where(missing[..., None], painted, small)
