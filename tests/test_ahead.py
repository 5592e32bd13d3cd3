"""Frames drawn ahead by threads."""

from __future__ import annotations

import threading
import time
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray
from scenes import figure_scene

from effect.ahead import begun, drawn_ahead
from effect.compositor import frame_at
from effect.preset import load_preset
from effect.timeline import plan


def numbered(index: int) -> NDArray[np.uint8]:
    time.sleep(0.002 * (index % 3))  # later frames are done before earlier ones
    return np.full((2, 2, 3), index, np.uint8)


def test_frames_come_in_order_from_several_threads() -> None:
    assert [frame[0, 0, 0] for frame in drawn_ahead(numbered, range(20), 3)] == list(range(20))


def test_no_more_is_drawn_ahead_than_there_are_threads() -> None:
    asked: list[int] = []
    frames = drawn_ahead(numbered, (asked.append(index) or index for index in range(20)), 2)
    next(frames)
    assert len(asked) == 3
    frames.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("draw")]


def test_a_fault_in_a_thread_reaches_the_caller() -> None:
    def broken(index: int) -> NDArray[np.uint8]:
        raise IndexError(f"frame {index}")

    with pytest.raises(IndexError, match="frame 4"):
        list(drawn_ahead(broken, [4, 5, 6], 2))


def test_what_is_begun_runs_beside_its_caller_and_tells_its_faults() -> None:
    go_on = threading.Event()
    waiting = begun(lambda: go_on.wait(10))
    go_on.set()
    assert waiting.result()
    with pytest.raises(ZeroDivisionError):
        begun(lambda: 1 / 0).result()


def test_threads_draw_the_same_clip_as_one() -> None:
    scene = figure_scene(120, 90)
    timeline = plan(scene.subject, load_preset("night"), 7, Fraction(10))
    draw = partial(frame_at, scene, timeline)
    for index, frame in enumerate(drawn_ahead(draw, range(timeline.frame_count), 4)):
        assert np.array_equal(frame, draw(index))
