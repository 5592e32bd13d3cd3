"""What the user asked for, checked before any work begins."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from effect import video
from effect.errors import UserError
from effect.formats import SOFTWARE, Encoding
from effect.framing import DEFAULT_LONG_SIDE_PX, Framing, cropped_size, framing_of, shrunk_size
from effect.preset import DEFAULT_PRESET, Preset, load_preset
from effect.sound import BUILT_IN, SILENT
from effect.sprites import species_in


@dataclass(frozen=True)
class Settings:
    """The options of the verbs; None means: as the preset, or the photo, has it.

    Sizes are (width, height) in pixels; `at` holds pixels (x, y) of the upright photo. `longest_px` bounds the
    frames' longer side where neither --size nor a photo that is smaller does; `audio` is a file or a word
    of effect.sound.
    Raises UserError for values that no clip can have.
    """

    preset_name: str = DEFAULT_PRESET
    overrides: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0
    duration_seconds: float | None = None
    fps: Fraction | None = None
    size: tuple[int, int] | None = None
    aspect: Fraction | None = None
    sprites: Path | None = None
    longest_px: int = DEFAULT_LONG_SIDE_PX
    mask: Path | None = None
    plate: Path | None = None
    sketch: Path | None = None
    segmenter: str = "mediapipe"
    sam_checkpoint: Path | None = None
    at: Sequence[tuple[int, int]] = ()
    edges: str = "matting"
    inpainter: str = "gated"
    weights: Path | None = None
    codec: str = "h264"
    quality: str = "high"
    encoder: str = SOFTWARE
    alpha: bool = False
    audio: str | None = None
    force: bool = False
    threads: int = 0  # for drawing and encoding; 0: as many as there are cores

    def __post_init__(self) -> None:
        if self.mask and self.at:
            raise UserError("--at picks among the people that are found: leave out either --at or --mask")
        if (self.sketch or self.weights) and self.inpainter != "gated":
            raise UserError("--sketch and --weights are for the network: leave out --inpainter")
        if self.size and self.aspect:
            raise UserError(
                "--size already says which shape the clip has: leave out either --size or --aspect"
            )
        if self.seed < 0:
            raise UserError(f"the seed must not be negative, but it is {self.seed}")
        if self.duration_seconds is not None:
            _check_duration(self.duration_seconds)
        if self.fps is not None:
            _check_fps(self.fps)
        if self.size is not None:
            _check_size(self.size)

    @property
    def inputs(self) -> list[Path]:
        """Files, besides the photo, that no output may replace."""
        sound = Path(self.audio) if self.audio not in (None, SILENT, BUILT_IN) else None
        return [
            path
            for path in (self.mask, self.plate, self.sketch, self.weights, self.sam_checkpoint, sound)
            if path
        ]

    @property
    def encoding(self) -> Encoding:
        """What the file is made of. UserError for a codec, quality or encoder that does not exist."""
        return Encoding(self.codec, self.quality, self.alpha, self.encoder)

    def preset(self) -> Preset:
        """The preset with every override applied, at the wanted length."""
        preset = load_preset(self.preset_name, {**self.overrides, **self._own_species()})
        if self.duration_seconds is not None:
            preset = preset.scaled_to(self.duration_seconds)
        _check_duration(preset.duration_seconds)
        return preset

    def _own_species(self) -> dict[str, str]:
        """The butterflies of --sprites; where species are named too, those of them that it holds."""
        if not self.sprites:
            return {}
        own = {Path(name).name: name for name in species_in(self.sprites)}
        wanted = [name.strip() for name in self.overrides.get("species", ",".join(own)).split(",")]
        return {"species": ",".join(own.get(name, name) for name in wanted)}

    def frame_rate(self, preset: Preset) -> Fraction:
        """Frames per second, exactly."""
        fps = self.fps or Fraction(preset.fps).limit_denominator(1001)
        _check_fps(fps)
        return fps

    def framing(self, preset: Preset, photo_size: tuple[int, int]) -> Framing:
        """How a photo of this size meets the frame."""
        if self.size:
            return framing_of(photo_size, self.size)
        if self.aspect:
            return framing_of(photo_size, cropped_size(photo_size, self.aspect, self.longest_px))
        if preset.frame:
            return framing_of(photo_size, shrunk_size(_frame_size(preset), self.longest_px))
        return framing_of(photo_size, longest_px=self.longest_px)

    def check(self) -> None:
        """Raise UserError for a preset, a length or an encoding that no clip can have."""
        preset = self.preset()
        self.frame_rate(preset)
        _ = self.encoding
        if preset.frame:
            _frame_size(preset)


def _frame_size(preset: Preset) -> tuple[int, int]:
    size = parse_size(preset.frame)
    _check_size(size)
    return size


def parse_size(text: str) -> tuple[int, int]:
    """Read "1080x1920" as (width, height); UserError for anything else."""
    width, cross, height = text.lower().partition("x")
    if not (cross and width.isdecimal() and height.isdecimal() and len(text) <= 16):
        raise UserError(f"a size is written like 1080x1920, not {text!r}")
    return int(width), int(height)


def _check_duration(seconds: float) -> None:
    shortest, longest = video.MIN_DURATION_SECONDS, video.MAX_DURATION_SECONDS
    if not (math.isfinite(seconds) and shortest <= seconds <= longest):
        raise UserError(f"the duration must be from {shortest:g} to {longest:g} seconds, not {seconds:g}")


def _check_fps(fps: Fraction) -> None:
    if not video.MIN_FPS <= fps <= video.MAX_FPS:
        raise UserError(f"fps must be from {video.MIN_FPS} to {video.MAX_FPS}, not {float(fps):g}")


def _check_size(size: tuple[int, int]) -> None:
    smallest, largest = video.MIN_SIDE_PX, video.MAX_SIDE_PX
    if not (smallest <= min(size) and max(size) <= largest):
        raise UserError(
            f"each side of the size must be {smallest} to {largest} pixels, not {size[0]}x{size[1]}"
        )
