"""Presets: what is read, what is refused, and how timings scale."""

from __future__ import annotations

import dataclasses
import tomllib
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest

from effect.errors import UserError
from effect.preset import DEFAULT_PRESET, Preset, load_preset, preset_names, preset_text


def test_there_are_at_least_eight_and_the_default_is_one() -> None:
    assert len(preset_names()) >= 8
    assert DEFAULT_PRESET in preset_names()


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_loads_and_explains_every_key(name: str) -> None:
    preset = load_preset(name)
    assert preset.description
    text = preset_text(name)
    assert set(tomllib.loads(text)) == {field.name for field in dataclasses.fields(Preset)}
    lines = text.splitlines()
    for previous, line in pairwise(lines):
        if " = " in line and not line.startswith("#"):
            assert previous.startswith("# "), f"{line} has no comment line"


def test_the_asked_for_kinds_are_there() -> None:
    presets = [load_preset(name) for name in preset_names()]
    assert any(preset.reverse for preset in presets)
    assert any(preset.frame == "1080x1920" for preset in presets)
    assert any(len(preset.species) == 1 for preset in presets)
    assert any(preset.species == () for preset in presets)
    assert (
        min(preset.duration_seconds for preset in presets)
        < 5
        < 10
        < max(preset.duration_seconds for preset in presets)
    )


def test_overrides_are_read_by_the_type_of_their_key() -> None:
    preset = load_preset(
        "classic",
        {
            "butterflies": "50",
            "species": "monarch, morpho",
            "direction": "from-point",
            "origin": "0.5, 0.2",
            "order": "one-by-one",
            "linger": "2",
            "size": "0.03",
            "frame": "640x480",
        },
    )
    assert preset.butterflies == 50
    assert preset.species == ("monarch", "morpho")
    assert preset.direction == "from-point"
    assert (preset.origin, preset.order, preset.linger) == ((0.5, 0.2), "one-by-one", 2)
    assert preset.size == 0.03
    assert preset.frame == "640x480"


def test_names_of_directions_are_degrees_counter_clockwise() -> None:
    assert load_preset("classic", {"direction": "up"}).direction == 90
    assert load_preset("classic", {"direction": "-45"}).direction == -45


@pytest.mark.parametrize(
    "overrides",
    [
        {"size": "nan"},
        {"size": "-1"},
        {"size": "inf"},
        {"size": "big"},
        {"sweep_end_seconds": "1e9"},
        {"still_before_seconds": "-0.1"},
        {"sweep_start_seconds": "5", "sweep_end_seconds": "4"},
        {"butterflies": "-3"},
        {"butterflies": "1.5"},
        {"butterflies": "999999"},
        {"easing": "bouncy"},
        {"direction": "north"},
        {"reverse": "maybe"},
        {"frame": "1080"},
        {"species": ""},
        {"near_share": "0.8", "far_share": "0.8"},
        {"origin": "0.5"},
        {"origin": "0.5,1.5"},
        {"order": "by size"},
        {"linger": "1.5"},
        {"linger": "10"},
        {"loop": "true", "reverse": "true"},
        {"linger": "1", "reverse": "true"},
    ],
)
def test_nonsense_is_refused_by_name(overrides: dict[str, str]) -> None:
    with pytest.raises(UserError) as refusal:
        load_preset("classic", overrides)
    message = str(refusal.value)
    assert "\n" not in message
    assert next(iter(overrides)) in message


@pytest.mark.parametrize(
    ("name", "overrides", "suggestion"),
    [
        ("clasic", {}, "classic"),
        ("classic", {"sofness_seconds": "1"}, "softness_seconds"),
        ("classic", {"species": "monarhc"}, "monarch"),
    ],
)
def test_a_slip_of_the_pen_gets_a_suggestion(name: str, overrides: dict[str, str], suggestion: str) -> None:
    with pytest.raises(UserError, match=f"did you mean '{suggestion}'"):
        load_preset(name, overrides)


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    own = tmp_path / "my own.toml"
    own.write_text('sweep_end_seconds = 2\nspecies = ["morpho"]\n', encoding="utf-8")
    preset = load_preset(str(own))
    assert (preset.sweep_end_seconds, preset.species) == (2.0, ("morpho",))


@pytest.mark.parametrize(
    "content", [b"size = ", b"size = true", b"\xff\xfe", b"[size]\na = 1", b'speed = "1" \x00']
)
def test_a_broken_file_is_one_clear_line(tmp_path: Path, content: bytes) -> None:
    own = tmp_path / "broken.toml"
    own.write_bytes(content)
    with pytest.raises(UserError):
        load_preset(str(own))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere\.toml"):
        load_preset(str(tmp_path / "nowhere.toml"))


@pytest.mark.parametrize("seconds", [1.0, 5.0, 7.4, 30.0])
def test_scaling_gives_the_asked_for_duration(seconds: float) -> None:
    preset = load_preset("classic")
    scaled = preset.scaled_to(seconds)
    assert scaled.duration_seconds == pytest.approx(seconds)
    assert scaled.frame_count(Fraction(30)) == round(seconds * 30)
    assert scaled.sweep_start_seconds / scaled.sweep_end_seconds == pytest.approx(
        preset.sweep_start_seconds / preset.sweep_end_seconds
    )
    assert scaled.peel_seconds <= preset.peel_seconds


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf"), 1e7])
def test_absurd_durations_are_refused(seconds: float) -> None:
    with pytest.raises(UserError):
        load_preset("classic").scaled_to(seconds)
