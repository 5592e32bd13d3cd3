"""Presets: every timing and taste of a clip, named, with units, checked before anything is rendered."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from effect.errors import UserError
from effect.preset_values import (
    read_butterflies,
    read_direction,
    read_easing,
    read_few,
    read_flag,
    read_frame,
    read_number,
    read_order,
    read_point,
    read_species,
    read_text,
    suggestion,
)

DEFAULT_PRESET = "classic"
PRESET_FOLDER = Path(__file__).parent / "presets"
LONGEST_SECONDS = 600.0


def _number(lowest: float, highest: float, default: float) -> Any:
    return dataclasses.field(default=default, metadata={"read": read_number, "range": (lowest, highest)})


def _setting(read: Callable[..., Any], default: Any) -> Any:
    return dataclasses.field(default=default, metadata={"read": read})


@dataclass(frozen=True)
class Preset:
    """What a clip looks like. The comment lines of `presets/classic.toml` explain each key to users.

    Seconds are clip time at 1x speed; `size` is a forewing's length as a share of the frame's height.
    """

    description: str = _setting(read_text, "")
    frame: str = _setting(read_frame, "")
    fps: float = _number(1.0, 120.0, 30.0)
    reverse: bool = _setting(read_flag, False)
    loop: bool = _setting(read_flag, False)

    still_before_seconds: float = _number(0.0, LONGEST_SECONDS, 0.5)
    sweep_start_seconds: float = _number(0.0, LONGEST_SECONDS, 0.6)
    sweep_end_seconds: float = _number(0.01, LONGEST_SECONDS, 3.8)
    linger_seconds: float = _number(0.0, LONGEST_SECONDS, 2.6)
    still_after_seconds: float = _number(0.0, LONGEST_SECONDS, 0.5)

    direction: float | str = _setting(read_direction, 270.0)
    origin: tuple[float, float] = _setting(read_point, (0.5, 0.5))
    order: str = _setting(read_order, "together")
    easing: str = _setting(read_easing, "linear")
    raggedness: float = _number(0.0, 1.0, 0.38)
    softness_seconds: float = _number(0.0, 60.0, 0.12)
    edge_glow: float = _number(0.0, 1.0, 0.7)

    butterflies: int | str = _setting(read_butterflies, "auto")
    density: float = _number(0.0, 10.0, 1.0)
    species: tuple[str, ...] = _setting(read_species, ())
    size: float = _number(0.002, 0.5, 0.045)
    size_spread: float = _number(0.0, 1.0, 0.22)

    peel_seconds: float = _number(0.0, 10.0, 0.65)
    tint_seconds: float = _number(0.0, 60.0, 0.55)
    speed: float = _number(0.05, 10.0, 1.0)
    wildness: float = _number(0.0, 5.0, 1.0)
    wind: float = _number(-5.0, 5.0, 0.0)
    near_share: float = _number(0.0, 1.0, 0.28)
    far_share: float = _number(0.0, 1.0, 0.18)
    glow: float = _number(0.0, 1.0, 0.0)
    dusk: float = _number(0.0, 1.0, 0.0)
    linger: int = _setting(read_few, 0)

    def __post_init__(self) -> None:
        if self.sweep_end_seconds <= self.sweep_start_seconds:
            raise UserError(
                f"sweep_end_seconds ({self.sweep_end_seconds:g}) must be later than"
                f" sweep_start_seconds ({self.sweep_start_seconds:g})"
            )
        if self.near_share + self.far_share > 1:
            raise UserError("near_share and far_share together must not pass 1")
        if self.loop and self.reverse:
            raise UserError("loop already plays both ways: leave out either loop or reverse")
        if self.linger and (self.loop or self.reverse):
            raise UserError("linger needs a clip that ends when all is gone: leave out loop and reverse")

    @property
    def duration_seconds(self) -> float:
        """Of the whole clip; a loop takes the same time for the way back."""
        return self.one_way_seconds * (2 if self.loop else 1)

    @property
    def one_way_seconds(self) -> float:
        """From the photo to the empty background."""
        return (
            self.still_before_seconds
            + self.sweep_end_seconds
            + self.linger_seconds
            + self.still_after_seconds
        )

    @property
    def photo_still_seconds(self) -> float:
        """How long the untouched photo stands: before the sweep, or after it in a reversed clip."""
        return self.still_after_seconds if self.reverse else self.still_before_seconds

    def backward(self) -> Preset:
        """One way of the clip, the other way round."""
        before, after = self.still_before_seconds, self.still_after_seconds
        return dataclasses.replace(
            self,
            loop=False,
            reverse=not self.reverse,
            still_before_seconds=after,
            still_after_seconds=before,
        )

    def frame_count(self, fps: Fraction) -> int:
        """Frames of the clip; never fewer than the first and the last."""
        return max(2, round(Fraction(self.duration_seconds) * fps))

    def scaled_to(self, duration_seconds: float) -> Preset:
        """The same clip, faster or slower, lasting `duration_seconds`.

        Peeling and the change of colour belong to one butterfly, so a longer clip leaves them at their pace.
        """
        if not 0.1 <= duration_seconds <= LONGEST_SECONDS:
            raise UserError(
                f"the duration must be from 0.1 to {LONGEST_SECONDS:g} seconds, not {duration_seconds:g}"
            )
        ratio = duration_seconds / self.duration_seconds
        clip = ("still_before", "sweep_start", "sweep_end", "linger", "still_after", "softness")
        scaled = {f"{name}_seconds": getattr(self, f"{name}_seconds") * ratio for name in clip}
        own_pace = min(1.0, ratio)
        scaled |= {
            f"{name}_seconds": getattr(self, f"{name}_seconds") * own_pace for name in ("peel", "tint")
        }
        return dataclasses.replace(self, **scaled)


def preset_names() -> list[str]:
    return sorted(path.stem for path in PRESET_FOLDER.glob("*.toml"))


def preset_text(name: str) -> str:
    """The TOML of a built-in preset, comments included: a template for one's own.

    Raises UserError for an unknown name.
    """
    if name not in preset_names():
        raise UserError(
            f"no preset {name!r}{suggestion(name, preset_names())};"
            f" known: {', '.join(preset_names())}, or the path of a .toml file"
        )
    return (PRESET_FOLDER / f"{name}.toml").read_text(encoding="utf-8")


def load_preset(name_or_file: str = DEFAULT_PRESET, overrides: Mapping[str, str] = {}) -> Preset:
    """Read a built-in preset or a user's TOML file, then apply `--set` pairs given as text.

    Raises UserError for an unknown name or key (with the closest match) and for a value out of range.
    """
    text, source = _preset_source(name_or_file)
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{source} is not valid TOML: {error}") from None
    return _preset_from({**values, **overrides})


def _preset_source(name_or_file: str) -> tuple[str, str]:
    if not name_or_file.lower().endswith(".toml"):
        return preset_text(name_or_file), f"preset {name_or_file}"
    try:
        return Path(name_or_file).read_text(encoding="utf-8"), name_or_file
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UserError(f"cannot read the preset {name_or_file}: {reason}") from None


def _preset_from(values: Mapping[str, object]) -> Preset:
    fields = {field.name: field for field in dataclasses.fields(Preset)}
    checked = {}
    for key, value in values.items():
        if key not in fields:
            raise UserError(f"no preset key {key!r}{suggestion(key, fields)}")
        metadata = fields[key].metadata
        checked[key] = metadata["read"](key, value, *metadata.get("range", ()))
    return Preset(**checked)
