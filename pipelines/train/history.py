"""What a run has told so far, kept beside its checkpoint: every number in losses.csv, a curve of each in losses.png."""

import csv
from collections.abc import Mapping
from pathlib import Path

from PIL import Image, ImageDraw

PANEL_WIDTH_PX, PANEL_HEIGHT_PX, MARGIN_PX, COLUMNS = 420, 200, 26, 2
GREY, DARK, BLUE = (210, 210, 210), (60, 60, 60), (30, 100, 200)
HEADER = ["step", "seconds", "name", "value"]


class History:
    """The rows (step, seconds trained, name, value) of one run.

    A resumed run passes the step it goes on from: what an earlier process told about later steps is dropped.
    """

    def __init__(self, folder: Path, first_step: int = 0):
        self.csv, self.plot = folder / "losses.csv", folder / "losses.png"
        self.rows: list[tuple[int, float, str, float]] = []
        if first_step and self.csv.exists():
            with self.csv.open(newline="") as file:
                for row in csv.DictReader(file):
                    if int(row["step"]) <= first_step:
                        self.rows.append(
                            (int(row["step"]), float(row["seconds"]), row["name"], float(row["value"]))
                        )

    def add(self, step: int, seconds: float, values: Mapping[str, float]) -> None:
        self.rows += [(step, round(seconds, 1), name, value) for name, value in values.items()]

    def save(self) -> None:
        """Write both files anew, each under another name first."""
        part = self.csv.with_suffix(".part")
        with part.open("w", newline="") as file:
            csv.writer(file).writerows([HEADER, *self.rows])
        part.rename(self.csv)
        curves: dict[str, list[tuple[int, float]]] = {}
        for step, _, name, value in self.rows:
            curves.setdefault(name, []).append((step, value))
        part = self.plot.with_suffix(".part.png")
        draw(curves).save(part)
        part.rename(self.plot)


def draw(curves: Mapping[str, list[tuple[int, float]]]) -> Image.Image:
    """One panel a curve, (step, value) in rising steps, each with its name, range and last value."""
    rows = max(1, -(-len(curves) // COLUMNS))
    sheet = Image.new("RGB", (COLUMNS * PANEL_WIDTH_PX, rows * PANEL_HEIGHT_PX), "white")
    pen = ImageDraw.Draw(sheet)
    for number, (name, points) in enumerate(curves.items()):
        left = number % COLUMNS * PANEL_WIDTH_PX + MARGIN_PX
        top = number // COLUMNS * PANEL_HEIGHT_PX + MARGIN_PX
        width, height = PANEL_WIDTH_PX - 2 * MARGIN_PX, PANEL_HEIGHT_PX - 2 * MARGIN_PX
        steps, values = zip(*points, strict=True)
        low, high = min(values), max(values)
        pen.rectangle((left, top, left + width, top + height), outline=GREY)
        pen.text((left, top - 14), f"{name}  {values[-1]:.4g}   ({low:.4g} to {high:.4g})", fill=DARK)
        pen.text((left, top + height + 4), f"step {steps[0]} to {steps[-1]}", fill=DARK)
        across, up = width / max(1, steps[-1] - steps[0]), height / ((high - low) or 1)
        line = [
            (left + (step - steps[0]) * across, top + height - (value - low) * up) for step, value in points
        ]
        pen.line(line, fill=BLUE, width=2)
        pen.circle(line[-1], 3, fill=BLUE)  # all there is to see of a single value
    return sheet
