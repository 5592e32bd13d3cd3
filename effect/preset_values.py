"""What a preset's keys take: each value read from TOML or from `--set`, checked, and refused by its key's name."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Sequence

from effect.errors import UserError

DIRECTIONS = {"right": 0.0, "up": 90.0, "left": 180.0, "down": 270.0}  # degrees, counter-clockwise
SHAPED_DIRECTIONS = ("center-out", "center-in", "from-point", "outside-in", "all-at-once")
ORDERS = ("together", "one-by-one")
EASINGS = ("linear", "ease-in", "ease-out", "ease-in-out")
MOST_BUTTERFLIES = 2000
MOST_LINGERING = 9


def read_number(key: str, value: object, lowest: float, highest: float) -> float:
    try:
        number = math.nan if isinstance(value, bool) else float(value)  # type: ignore[arg-type]  # checked here
    except (TypeError, ValueError):
        number = math.nan
    if not lowest <= number <= highest:
        raise UserError(f"{key} must be a number from {lowest:g} to {highest:g}, not {value!r}")
    return number


def read_butterflies(key: str, value: object) -> int | str:
    if value == "auto":
        return "auto"
    if isinstance(value, str) and re.fullmatch(r"\d{1,9}", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_BUTTERFLIES:
        raise UserError(f'{key} must be "auto" or a whole number from 0 to {MOST_BUTTERFLIES}, not {value!r}')
    return value


def read_direction(key: str, value: object) -> float | str:
    if value in SHAPED_DIRECTIONS:
        return str(value)
    if value in DIRECTIONS:
        return DIRECTIONS[str(value)]
    try:
        return read_number(key, value, -360.0, 360.0)
    except UserError:
        names = ", ".join((*DIRECTIONS, *SHAPED_DIRECTIONS))
        raise UserError(f"{key} must be one of {names}, or degrees from -360 to 360, not {value!r}") from None


def read_easing(key: str, value: object) -> str:
    return read_choice(key, value, EASINGS)


def read_order(key: str, value: object) -> str:
    return read_choice(key, value, ORDERS)


def read_choice(key: str, value: object, choices: Sequence[str]) -> str:
    if value not in choices:
        raise UserError(f"{key} must be one of {', '.join(choices)}, not {value!r}")
    return str(value)


def read_point(key: str, value: object) -> tuple[float, float]:
    """Two shares of a box, across and down."""
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list) or len(parts) != 2:
        raise UserError(f"{key} must be two numbers from 0 to 1, across and down, not {value!r}")
    across, down = (read_number(key, part, 0.0, 1.0) for part in parts)
    return across, down


def read_few(key: str, value: object) -> int:
    number = read_number(key, value, 0, MOST_LINGERING)
    if number != int(number):
        raise UserError(f"{key} must be a whole number, not {value!r}")
    return int(number)


def read_species(key: str, value: object) -> tuple[str, ...]:
    """Names of butterflies; the empty tuple stands for every species."""
    from effect.species import is_folder, species_names

    names = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
    if names == ["all"]:
        return ()
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise UserError(f'{key} must be "all" or a list of names, not {value!r}')
    known = species_names()
    for name in names:
        if name not in known and not is_folder(name):
            raise UserError(
                f"no butterfly species {name!r}{suggestion(name, known)}; known: {', '.join(known)}"
            )
    return tuple(names)


def read_flag(key: str, value: object) -> bool:
    flags = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if isinstance(value, str) and value.lower() in flags:
        return flags[value.lower()]
    if not isinstance(value, bool):
        raise UserError(f"{key} must be true or false, not {value!r}")
    return value


def read_frame(key: str, value: object) -> str:
    """An output size such as "1080x1920", or "" for the photo's own shape."""
    if value != "" and not re.fullmatch(r"[1-9]\d{0,4}x[1-9]\d{0,4}", str(value)):
        raise UserError(f'{key} must be a size such as "1080x1920", or "", not {value!r}')
    return str(value)


def read_text(key: str, value: object) -> str:
    if not isinstance(value, str):
        raise UserError(f"{key} must be text, not {value!r}")
    return value


def suggestion(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
