"""How fast clips are drawn, beside what nobody can save: `python -m pipelines.bench_render [PLOT.png]`.

The yardstick is the encoder: the same frames, converted beforehand, through the same ffmpeg with the same settings.
Machines are noisy, so ours and the encoder are measured in turns in one run, and what counts are the ratios of medians;
moviepy is so slow that it gets one turn.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image

from effect import video
from effect.ahead import drawn_ahead
from effect.butterflies import Pose, draw_butterfly
from effect.compositor import frame_at
from effect.formats import VIDEO, recipe_for
from effect.preset import load_preset
from effect.scene import Scene
from effect.species import load_species
from effect.timeline import Timeline, plan
from effect.yuv import yuv420_bt709
from pipelines.models import Models
from pipelines.render import prepare
from pipelines.settings import Settings
from pipelines.watch import Watch

if TYPE_CHECKING:
    from moviepy import VideoClip

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / "assets" / "demo" / "astronaut.jpg"
FPS, SEED, SIZE, BUTTERFLIES = Fraction(30), 7, (1080, 1920), 150
FRAMES, ROUNDS = 60, 3  # how many frames, around the one with the most butterflies, and how often
PEER_FRAMES = 3  # moviepy needs seconds for each
START_UP, STARTS = (1080, 1440), 5  # the photo whose first frame is timed, and how often
CLIP_SECONDS = 5, 15  # clips whose memory is compared
SWARMS = 0, 75, 150, 300, 600
SIZES = (480, 854), (720, 1280), (1080, 1920), (1440, 2560), (2160, 3840)


@dataclass(frozen=True)
class Cost:
    """Milliseconds on the clock and of the processor, children included."""

    wall: float
    processor: float


def cost_of(work: Callable[[], object], count: int = 1) -> Cost:
    """What a call costs, divided by the `count` things it does."""
    wall, processor = time.perf_counter(), _processor_seconds()
    work()
    wall, processor = time.perf_counter() - wall, _processor_seconds() - processor
    return Cost(1000 * wall / count, 1000 * processor / count)


def medians(costs: list[Cost]) -> Cost:
    return Cost(median(cost.wall for cost in costs), median(cost.processor for cost in costs))


def _processor_seconds() -> float:
    uses = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return sum(use.ru_utime + use.ru_stime for use in uses)


def demo_scene(size: tuple[int, int]) -> Scene:
    """The demo photo at this size (width, height), with its person and its background."""
    settings, watch = Settings(size=size), Watch(quiet=True)
    with Models(settings, watch) as models:
        return prepare(DEMO, settings, models, watch)[0]


def resized(scene: Scene, size: tuple[int, int]) -> Scene:
    def fitted(picture: np.ndarray) -> np.ndarray:
        return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))

    return Scene(fitted(scene.photo), fitted(scene.plate), fitted(scene.foreground), fitted(scene.alpha))


def planned(scene: Scene, butterflies: int) -> Timeline:
    return plan(scene.subject, load_preset("classic", {"butterflies": str(butterflies)}), SEED, FPS)


def busiest(timeline: Timeline, count: int) -> range:
    """As many frames in a row, around the one with the most butterflies in the air."""
    fullest = int(np.argmax((timeline.swarm.opacity > 0).sum(axis=1)))
    first = min(max(fullest - count // 2, 1), timeline.frame_count - 1 - count)
    return range(first, first + count)


def encode_raw(frames: list[bytes], size: tuple[int, int], path: Path) -> None:
    """Frames that are converted already through the ffmpeg of `effect.video`."""
    command = video._command(path, recipe_for(".mp4", VIDEO), size, FPS, 0, None)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as encoder:
        assert encoder.stdin
        for frame in frames:
            encoder.stdin.write(frame)
        encoder.stdin.close()


def moviepy_clip(scene: Scene, timeline: Timeline, indices: range) -> VideoClip:
    """What a script with moviepy makes: a fading picture of the person and one moving sprite per butterfly."""
    from moviepy import CompositeVideoClip, ImageClip, vfx

    seconds = timeline.frame_count / float(FPS)
    person = np.dstack([scene.foreground, np.rint(scene.alpha * 255).astype(np.uint8)])
    fading = ImageClip(person, duration=seconds).with_effects([vfx.CrossFadeOut(seconds)])
    sprites = [_sprite_clip(timeline, int(number), seconds) for number in timeline.swarm.visible(indices[0])]
    return CompositeVideoClip([ImageClip(scene.plate, duration=seconds), fading, *sprites])


def _sprite_clip(timeline: Timeline, number: int, seconds: float) -> object:
    from moviepy import ImageClip

    swarm = timeline.swarm
    size = float(swarm.size_px[:, number].max())
    reach = round(1.2 * size)
    pictures = []
    for grey in (0, 255):  # drawn over black and over white, as in effect.cutout
        picture = np.full((2 * reach, 2 * reach, 3), grey, np.uint8)
        draw_butterfly(picture, load_species(swarm.species[number]), Pose(reach, reach, size))
        pictures.append(picture.astype(int))
    alpha = 255 - (pictures[1] - pictures[0]).max(axis=2)

    def place(seconds: float) -> tuple[float, float]:
        frame = min(round(seconds * float(FPS)), timeline.frame_count - 1)
        return float(swarm.x_px[frame, number]) - reach, float(swarm.y_px[frame, number]) - reach

    sprite = np.dstack([pictures[0], alpha]).astype(np.uint8)
    return ImageClip(sprite, duration=seconds).with_position(place)


def against_peers(scene: Scene) -> Iterator[str]:
    """Ours beside the encoder alone and beside moviepy, with 150 butterflies at 1080 x 1920."""
    timeline = planned(scene, BUTTERFLIES)
    indices = busiest(timeline, FRAMES)
    flying = np.mean([len(timeline.swarm.visible(index)) for index in indices])
    drawn = partial(frame_at, scene, timeline)
    ahead = lambda: drawn_ahead(drawn, indices, os.cpu_count() or 1)  # as pipelines.render does
    raw = [yuv420_bt709(frame).tobytes() for frame in ahead()]
    kinds: dict[str, list[Cost]] = {"encoder alone": [], "drawing and encoding": [], "drawing alone": []}
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mp4"
        for _ in range(ROUNDS):
            works: dict[str, Callable[[], object]] = {
                "encoder alone": lambda: encode_raw(raw, scene.size, clip),
                "drawing and encoding": lambda: video.write_video(
                    ahead(), clip, scene.size, FPS, FRAMES, True
                ),
                "drawing alone": lambda: list(ahead()),
            }
            for kind, work in works.items():
                kinds[kind].append(cost_of(work, FRAMES))
    found = {kind: medians(costs) for kind, costs in kinds.items()}
    composite = moviepy_clip(
        scene, timeline, indices
    )  # its sprites are ready before the clock runs, as ours are
    moments = [index / float(FPS) for index in indices[:PEER_FRAMES]]
    found["moviepy, drawing alone"] = cost_of(
        lambda: [composite.get_frame(at) for at in moments], PEER_FRAMES
    )
    yield f"{FRAMES} frames of 1080 x 1920 with {flying:.0f} of {BUTTERFLIES} butterflies in the air, ms a frame:"
    yield "| | wall | processor |\n|---|---|---|"
    for kind, cost in found.items():
        yield f"| {kind} | {cost.wall:.1f} | {cost.processor:.1f} |"
    floor, ours = found["encoder alone"], found["drawing and encoding"]
    yield (
        f"| encoder alone / drawing and encoding | {floor.wall / ours.wall:.2f} "
        f"| {floor.processor / ours.processor:.2f} |"
    )
    peer, drawing = found["moviepy, drawing alone"], found["drawing alone"]
    yield f"| moviepy / drawing | {peer.wall / drawing.wall:.0f} | {peer.processor / drawing.processor:.0f} |"


def scaling(scene: Scene) -> dict[str, list[tuple[int, float]]]:
    """Milliseconds a frame of drawing alone, by butterflies and by the frame's height."""
    by_swarm = [(count, _drawing_ms(scene, count)) for count in SWARMS]
    by_size = [(size[1], _drawing_ms(resized(scene, size), BUTTERFLIES)) for size in SIZES]
    return {"ms a frame by butterflies": by_swarm, "ms a frame by height": by_size}


def _drawing_ms(scene: Scene, butterflies: int) -> float:
    timeline = planned(scene, butterflies)
    indices = busiest(timeline, FRAMES // 4)
    frame_at(scene, timeline, indices[0])  # what only a clip's first frame pays for
    return cost_of(lambda: [frame_at(scene, timeline, index) for index in indices], len(indices)).wall


def processes() -> Iterator[str]:
    """Whole runs of the program: how long until there is a first frame, and the most memory that it took, as it reports
    itself; the encoder's is not in it.
    """
    yield "| | seconds | MiB |\n|---|---|---|"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photo, picture = folder / "photo.png", folder / "frame.jpg"
        grown = Image.open(DEMO).resize(START_UP, Image.Resampling.BICUBIC)
        grown.save(photo)
        runs: dict[str, list[object]] = {
            "`cli.py --help`": ["--help"],
            "first frame of a photo of 1080 x 1440": [
                *("frame", photo, "-o", picture, "--time", 0, "--force", "--json")
            ],
        }
        for long in CLIP_SECONDS:
            size = ["--size", "1080x1920", "--duration", long]
            clip = folder / f"{long}.mp4"
            runs[f"clip of {long} s at 1080 x 1920"] = ["vanish", DEMO, "-o", clip, *size, "--json"]
        for title, arguments in runs.items():
            command = [sys.executable, str(ROOT / "cli.py"), *map(str, arguments)]
            seconds: list[float] = []
            told: dict[str, object] = {}
            for _ in range(1 if "vanish" in arguments else STARTS):  # a clip takes long enough to count once
                started = time.perf_counter()
                process = subprocess.run(command, capture_output=True, text=True)
                seconds.append(time.perf_counter() - started)
                if process.returncode:
                    raise SystemExit(f"{title}: {process.stderr}")
                told = json.loads(process.stdout) if "--json" in arguments else {}
            yield f"| {title} | {median(seconds):.1f} | {told.get('peak_memory_mib', '–')} |"


def draw(curves: dict[str, list[tuple[int, float]]], path: Path) -> None:
    """One panel for each curve, from 0."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, len(curves), figsize=(9, 3), layout="constrained")
    for panel, (name, points) in zip(panels, curves.items(), strict=True):
        panel.plot(*zip(*points, strict=True), marker="o")
        unit, _, what = name.partition(" by ")
        panel.set(xlabel=what, ylabel=unit, xlim=(0, None), ylim=(0, None))
        panel.grid(alpha=0.3)
    figure.savefig(path, dpi=80)


def main() -> None:
    for line in processes():  # first: a process counts the memory of the one that started it as its own
        print(line, flush=True)
    scene = demo_scene(SIZE)
    for line in ("", *against_peers(scene), ""):
        print(line, flush=True)
    curves = scaling(scene)
    for name, points in curves.items():
        print(f"{name}: " + ", ".join(f"{at}: {value:.1f}" for at, value in points))
    if len(sys.argv) > 1:
        draw(curves, Path(sys.argv[1]))


if __name__ == "__main__":
    main()
