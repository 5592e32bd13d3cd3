"""The built-in track follows the picture; a file is cut, repeated and faded; both have a sane loudness."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from scenes import figure_scene

from conftest import save_wave
from effect.errors import UserError
from effect.preset import load_preset
from effect.sound import LOUDEST, LOUDNESS, file_sound, flutter_sound
from effect.timeline import Timeline, plan
from effect.video import SOUND_RATE

FPS = Fraction(10)
SCENE = figure_scene(120, 90)


def timeline(name: str = "classic", **overrides: str) -> Timeline:
    return plan(SCENE.subject, load_preset(name, {"butterflies": "40", **overrides}), 3, FPS)


@pytest.fixture(scope="module")
def classic() -> Timeline:
    return timeline()


@pytest.fixture(scope="module")
def track(classic: Timeline) -> np.ndarray:
    return flutter_sound(classic, 3)


def loudness(sound: np.ndarray) -> float:
    return float(np.sqrt(np.square(sound).mean()))


def test_it_is_as_long_as_the_clip_and_as_loud_as_speech(classic: Timeline, track: np.ndarray) -> None:
    assert track.shape == (round(classic.frame_count / FPS * SOUND_RATE), 2) and track.dtype == np.float32
    assert np.abs(track).max() <= LOUDEST
    assert loudness(track) == pytest.approx(LOUDNESS, rel=0.15)


def test_it_swells_with_the_swarm(classic: Timeline, track: np.ndarray) -> None:
    swarm = classic.swarm
    aloft = ((swarm.opacity > 0) & (swarm.lift > 0)).sum(axis=1)
    per_frame = np.sqrt(np.square(track).mean(axis=1).reshape(classic.frame_count, -1).mean(axis=1))
    assert per_frame[aloft > 0.7 * aloft.max()].mean() > 5 * per_frame[aloft == 0].mean()
    assert per_frame[:3].max() < 0.01  # while the photo stands still
    assert per_frame[-1] < 0.02


def test_it_comes_from_where_they_fly(classic: Timeline) -> None:
    swarm = classic.swarm
    swarm.x_px[:] = swarm.x_px.max()  # all on the right
    left, right = np.square(flutter_sound(classic, 3)).mean(axis=0)
    assert right > 1.5 * left


def test_a_seed_decides_it() -> None:
    clip = timeline()
    assert (flutter_sound(clip, 5) == flutter_sound(clip, 5)).all()
    assert (flutter_sound(clip, 5) != flutter_sound(clip, 6)).any()


def test_no_butterflies_no_sound() -> None:
    assert not flutter_sound(timeline(butterflies="0"), 1).any()


def test_a_reversed_clip_is_quiet_at_its_ends_too() -> None:
    track = flutter_sound(timeline(reverse="true"), 1)
    assert loudness(track[: SOUND_RATE // 10]) < 0.02 and loudness(track[-SOUND_RATE // 10 :]) < 0.02


def test_the_way_back_of_a_loop_sounds_like_the_way_there() -> None:
    clip = timeline(loop="true")
    track = flutter_sound(clip, 1)
    there, back = np.array_split(track, 2)
    assert 0.5 * loudness(there) < loudness(back) < 2 * loudness(there)


def test_a_long_file_is_cut_and_faded_out(tmp_path: Path) -> None:
    sound = file_sound(save_wave(tmp_path / "odd %d é name.wav", 5), 20, FPS)
    assert sound.shape == (2 * SOUND_RATE, 2)
    assert loudness(sound[SOUND_RATE // 2 : SOUND_RATE]) == pytest.approx(0.25, rel=0.03)
    assert loudness(sound[-SOUND_RATE // 100 :]) < 0.02


def test_a_short_file_is_repeated(tmp_path: Path) -> None:
    sound = file_sound(save_wave(tmp_path / "a.wav", 0.3), 40, FPS)
    assert sound.shape == (4 * SOUND_RATE, 2)
    for second in (0, 1, 2):
        assert loudness(sound[second * SOUND_RATE :][:SOUND_RATE]) > 0.2


@pytest.mark.parametrize("content", [b"", b"no sound", b"RIFF\x24\0\0\0WAVEfmt "])
def test_what_holds_no_sound_is_one_clear_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(UserError, match=r"a\.wav holds no sound"):
        file_sound(tmp_path / "a.wav", 20, FPS)
    with pytest.raises(UserError, match=r"gone\.wav is no file"):
        file_sound(tmp_path / "gone.wav", 20, FPS)
    with pytest.raises(UserError, match="is no file"):
        file_sound(tmp_path, 20, FPS)


def test_a_file_that_is_too_loud_does_not_clip_over(tmp_path: Path) -> None:
    assert np.abs(file_sound(save_wave(tmp_path / "a.wav", 1), 10, FPS)).max() <= 1
