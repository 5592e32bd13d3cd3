"""What one clip is made of, at the size of its frames."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from effect.butterflies import cloth_of
from effect.spread import carried_on


@dataclass(frozen=True)
class Subject:
    """Who leaves, as it is known before the background is restored: what a clip is planned from. C-contiguous.

    photo:   RGB uint8 (H, W, 3), the photo as given
    alpha:   float32 (H, W) in 0-1, how much of each pixel is the person
    changes: bool (H, W), where the clip may end with anything else than the photo
    """

    photo: NDArray[np.uint8]
    alpha: NDArray[np.float32]
    changes: NDArray[np.bool_]

    def __post_init__(self) -> None:
        for name in ("photo", "alpha", "changes"):
            object.__setattr__(self, name, np.ascontiguousarray(getattr(self, name)))

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the frames in pixels."""
        return self.photo.shape[1], self.photo.shape[0]


@dataclass(frozen=True)
class Scene:
    """Four pictures of one output frame's size (H, W), kept C-contiguous, as compiled loops need them.

    photo:      RGB uint8 (H, W, 3), the photo as given
    plate:      RGB uint8 (H, W, 3), the background without the person
    foreground: RGB uint8 (H, W, 3), the person's own colours, free of the old background in soft edges
    alpha:      float32 (H, W) in 0-1, how much of each pixel is the person
    """

    photo: NDArray[np.uint8]
    plate: NDArray[np.uint8]
    foreground: NDArray[np.uint8]
    alpha: NDArray[np.float32]

    def __post_init__(self) -> None:
        shape = self.alpha.shape
        for name in ("photo", "plate", "foreground"):
            picture = getattr(self, name)
            if picture.shape != (*shape, 3) or picture.dtype != np.uint8:
                raise ValueError(f"{name} is {picture.dtype} {picture.shape}, the alpha is {shape}")
            object.__setattr__(self, name, np.ascontiguousarray(picture))
        object.__setattr__(self, "alpha", np.ascontiguousarray(self.alpha))

    @cached_property
    def subject(self) -> Subject:
        """What of it a clip is planned from."""
        changes = (self.alpha > 0) | (self.photo != self.plate).any(axis=2)
        return Subject(self.photo, self.alpha, changes)

    @cached_property
    def cut_from(self) -> NDArray[np.uint8]:
        """What butterflies' wings are cut from, RGB: the person's own colours, which go on where a wing reaches out."""
        return carried_on(self.foreground, self.alpha)

    @cached_property
    def cloth(self) -> NDArray[np.uint32]:
        """The same as compiled code takes it."""
        return cloth_of(self.cut_from)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the frames in pixels."""
        return self.photo.shape[1], self.photo.shape[0]
