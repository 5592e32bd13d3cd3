"""Pictures and clips that several tests look at; all are made here, except the demo photo."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import wave
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

# There is a process for every core: more threads would only wait for each other.
if "PYTEST_XDIST_WORKER" in os.environ:
    for library in ("OMP", "NUMBA"):  # which read this when they are imported, here and in what tests start
        os.environ[f"{library}_NUM_THREADS"] = "1"

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from cli import main

ROOT = Path(__file__).parent.parent
DEMO_PHOTO = ROOT / "assets" / "demo" / "astronaut.jpg"
DEMO_CLIP = ("--size", "96x128", "--fps", "8", "--duration", "1.5")  # 12 frames
SMALL_CLIP = (*DEMO_CLIP, "--butterflies", "12")


@pytest.fixture(autouse=True)
def vanishing_numbers_are_zero() -> None:
    """As in training: tiny gradients are denormal numbers, which cost a processor a hundred times more.

    For every test anew, as the verbs that train turn it off at their end.
    """
    import torch

    torch.set_flush_denormal(True)


@dataclass(frozen=True)
class Pictures:
    """Files of one generated scene, 96x128: a red person before a blue-green wall; outputs go beside them."""

    folder: Path
    photo: Path
    mask: Path
    plate: Path

    @property
    def ready(self) -> tuple[str, ...]:
        """Options that spare the networks."""
        return "--mask", str(self.mask), "--plate", str(self.plate), "--edges", "fast"


def paint_scene(width: int = 96, height: int = 128) -> tuple[NDArray, NDArray, NDArray]:
    """A photo, uint8 (H, W, 3), its person's mask, bool (H, W), and its background, uint8 (H, W, 3)."""
    y, x = np.mgrid[:height, :width].astype(np.float32) / max(width, height)
    plate = np.stack([60 + 0 * x, 90 + 100 * x, 200 - 90 * y], axis=2).astype(np.uint8)
    middle, half_width = width / 2 / max(width, height), 0.22 * width / max(width, height)
    mask = ((x - middle) / half_width) ** 2 + ((y - 0.55) / 0.35) ** 2 < 1
    photo = plate.copy()
    photo[mask] = (210, 60, 40)
    return photo, mask, plate


@pytest.fixture
def pictures(tmp_path: Path) -> Pictures:
    photo, mask, plate = paint_scene()
    files = Pictures(tmp_path, tmp_path / "photo.png", tmp_path / "mask.png", tmp_path / "plate.png")
    Image.fromarray(photo).save(files.photo)
    Image.fromarray(mask.astype(np.uint8) * 255).save(files.mask)
    Image.fromarray(plate).save(files.plate)
    return files


@dataclass(frozen=True)
class Ran:
    """What a run of the command line left: exit code and texts."""

    code: int
    out: str
    err: str


@pytest.fixture
def run_cli(capfd: pytest.CaptureFixture[str]):
    """Run the command line in this process; everything that reaches the real streams is captured."""

    def run(*arguments: object) -> Ran:
        capfd.readouterr()
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as stop:  # --help
            code = int(stop.code or 0)
        return Ran(code, *capfd.readouterr())

    return run


def command(*arguments: object) -> list[str]:
    """What a user types to run the command line."""
    return [sys.executable, str(ROOT / "cli.py"), *map(str, arguments)]


def heed_interrupts() -> None:
    """For `preexec_fn`: a process started in the background inherits deaf ears for Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def run_process(*arguments: object, cwd: Path | None = None) -> Ran:
    """Run the command line as a user does, in a process of its own."""
    done = subprocess.run(command(*arguments), capture_output=True, text=True, timeout=300, cwd=cwd)
    return Ran(done.returncode, done.stdout, done.stderr)


@dataclass(frozen=True)
class Clip:
    """A clip decoded again: frames uint8 (n, H, W, 3) through the BT.709 matrix."""

    frames: NDArray[np.uint8]
    fps: Fraction
    stamps: list[Fraction]


def decode(path: Path) -> Clip:
    """Decode a clip with another program than the one that wrote it."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        decoded = list(container.decode(stream))
        assert stream.average_rate and stream.time_base
        stamps = [Fraction(frame.pts or 0) * stream.time_base for frame in decoded]
        matrix = av.video.reformatter.Colorspace.ITU709
        frames = [
            frame.to_ndarray(format="rgb24", src_colorspace=matrix, dst_colorspace=matrix)
            for frame in decoded
        ]
        return Clip(np.stack(frames), stream.average_rate, stamps)


def save_wave(path: Path, seconds: float, hertz: float = 440, rate: int = 44_100) -> Path:
    """A tone in mono: half of full scale in one channel is a quarter, root mean square, in each of two."""
    samples = 0.5 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return path


@dataclass(frozen=True)
class DemoRun:
    """The real way from the demo photo to a clip: no mask, no plate, every network."""

    output: Path
    report: dict
    err: str


@pytest.fixture(scope="session")
def demo_run(tmp_path_factory: pytest.TempPathFactory) -> DemoRun:
    output = tmp_path_factory.mktemp("demo") / "demo.mp4"
    ran = run_process("vanish", DEMO_PHOTO, "-o", output, *DEMO_CLIP, "--json")
    assert ran.code == 0, ran.err
    return DemoRun(output, json.loads(ran.out), ran.err)
