"""What every generator has in common, so that training, measuring and restoring need not tell them apart."""

from typing import Any, NamedTuple

from torch import Tensor, nn


class Generator(nn.Module):
    """A network that paints the missing part of a picture.

    config: the frozen dataclass it was built from; its fields are all int, float, bool, str or tuples of those.
    stride: height and width in pixels must be multiples of it.
    Buffers (running means, singular vectors) are part of the result: an average of weights must take them over.
    landmarks: inner layers, by their modules' names, that a network shares with its lighter kinds and that a student
    can imitate; none where there is nothing to compare.
    Weights that a network keeps frozen have requires_grad off.
    """

    config: Any
    stride: int
    landmarks: tuple[str, ...] = ()

    def forward(self, rgb: Tensor, hole: Tensor, guidance: Tensor | None = None) -> tuple[Tensor, ...]:
        """rgb: (B, 3, H, W) in -1..1; hole: (B, 1, H, W), 1 = missing; guidance: (B, 1, H, W), 0 or 1.

        Returns the painted pictures, the first guess first and the result last, each (B, 3, H, W) in -1..1 over the
        whole picture: the caller keeps known pixels. What `rgb` holds inside the hole has no influence. Each network
        says what guidance means to it; the others ignore it, and None means that there is none.
        """
        raise NotImplementedError

    def paint(self, rgb: Tensor, hole: Tensor, guidance: Tensor | None = None) -> "Outcome":
        """What a picture is restored from: see `forward`."""
        return Outcome(self(rgb, hole, guidance)[-1])


class Outcome(NamedTuple):
    """picture: the last one of `Generator.forward`; expected: what to expect of every place, see
    `effect.inpaint.nets.looks`; inner: what the head of `effect.inpaint.nets.colours` goes by. None for networks that
    do not tell."""

    picture: Tensor
    expected: Tensor | None = None
    inner: Tensor | None = None
