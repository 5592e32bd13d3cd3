"""What a run leaves on disk: checkpoint.pt to go on from, ema.safetensors to restore pictures with."""

import pickle
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from effect.errors import UserError
from effect.inpaint.nets import Generator, load_generator, metadata_of
from pipelines.train.recipe import RunConfig

CHECKPOINT, WEIGHTS = "checkpoint.pt", "ema.safetensors"


class Part(Protocol):
    """A network or an optimizer."""

    def state_dict(self) -> dict: ...
    def load_state_dict(self, state: dict) -> object: ...


@dataclass
class Progress:
    """How far a run has come: the last step done, and the seconds on the clock and of the processor that its finished
    parts took. Saving and scoring are not counted, nor are, of processor seconds, the workers that decode photos."""

    step: int = 0
    seconds: float = 0.0
    processor_seconds: float = 0.0
    began: tuple[float, float] | None = None  # the part under way, on both clocks

    def begin(self) -> None:
        self.began = time.monotonic(), time.process_time()

    def pause(self) -> None:
        self.seconds, self.processor_seconds = self.trained()
        self.began = None

    def trained(self) -> tuple[float, float]:
        """Seconds on the clock and of the processor in all."""
        if self.began is None:
            return self.seconds, self.processor_seconds
        seconds, processor_seconds = time.monotonic() - self.began[0], time.process_time() - self.began[1]
        return self.seconds + seconds, self.processor_seconds + processor_seconds

    def finished(self, run: RunConfig) -> bool:
        """Have the steps, or the minutes that the recipe grants, been spent?"""
        seconds, processor_seconds = self.trained()
        spent = 0 < 60 * run.minutes <= seconds or 0 < 60 * run.processor_minutes <= processor_seconds
        return self.step >= run.steps or spent


def save(folder: Path, parts: dict[str, Part], progress: Progress, average: Generator) -> None:
    """Write both files, each under another name first, so that an interrupted run never leaves half a file."""
    seconds, processor_seconds = progress.trained()
    told = {"step": progress.step, "seconds": seconds, "processor_seconds": processor_seconds}
    states = {name: part.state_dict() for name, part in parts.items()}
    torch.save({**told, **states}, folder / "checkpoint.part")
    (folder / "checkpoint.part").rename(folder / CHECKPOINT)

    halves = {name: half(value) for name, value in average.state_dict().items()}
    metadata = {**metadata_of(average), **{name: str(round(value)) for name, value in told.items()}}
    save_file(halves, folder / "ema.part", metadata)
    (folder / "ema.part").rename(folder / WEIGHTS)


def half(value: Tensor) -> Tensor:
    value = value.contiguous().cpu()
    return value.half() if value.is_floating_point() else value


def resume(folder: Path, parts: dict[str, Part]) -> Progress:
    """Load every part's state from the folder's checkpoint; where the run stands, or its very beginning without one.

    Raises UserError for a checkpoint that cannot be read or belongs to another network.
    """
    path = folder / CHECKPOINT
    if not path.exists():
        return Progress()
    states = read_checkpoint(path)
    try:
        for name, part in parts.items():
            part.load_state_dict(states[name])
    except (KeyError, RuntimeError, ValueError) as error:
        raise UserError(
            f"{path} belongs to another network than the recipe's ({first_line(error)})"
        ) from error
    # checkpoints of earlier versions do not tell their seconds
    return Progress(states["step"], states.get("seconds", 0.0), states.get("processor_seconds", 0.0))


def warm_start(generator: Generator, path: Path) -> None:
    """Give the generator the weights of another run: a safetensors file, or the generator of a checkpoint.

    A convolution that takes more input channels here than there, such as one for sketches, ignores them at first. A
    head, of looks or colours, that is missing there keeps its own start, also where it is a part of a layer; the other
    way round it is left out. Raises UserError when the file holds another network.
    """
    if path.suffix == ".safetensors":
        state = load_generator(path).state_dict()
    else:
        state = read_checkpoint(path).get("generator", {})
    own = generator.state_dict()
    for name, value in state.items():
        if name in own and value.dim() == 4 and value.shape[1] < own[name].shape[1]:
            more = own[name].shape[1] - value.shape[1]
            state[name] = torch.cat([value, value.new_zeros(len(value), more, *value.shape[2:])], dim=1)
    of_head = lambda name: name.startswith(("looks.", "colours."))
    state = {name: value for name, value in state.items() if name in own or not of_head(name)}
    for name in filter(of_head, state):
        more, fewer = own[name][len(state[name]) :], len(own[name])
        state[name] = torch.cat([state[name], more])[:fewer]
    state = {**{name: value for name, value in own.items() if of_head(name)}, **state}
    try:
        generator.load_state_dict(state)
    except RuntimeError as error:
        raise UserError(f"{path} holds another network than the recipe's ({first_line(error)})") from error


def inherit_discriminator(discriminator: nn.Module, path: Path) -> None:
    """Give the discriminator the weights that another run's checkpoint holds.

    One that also judged by sketches forgets them where there are none. Raises UserError for one of another kind, and
    for a file that is no checkpoint.
    """
    state, own = read_checkpoint(path).get("discriminator", {}), discriminator.state_dict()
    weight, vector = (f"convs.0.parametrizations.weight.{end}" for end in ("original", "0._v"))
    # Sketches are the last of five inputs. Spectral normalisation's next step gives its vector length 1 again.
    if weight in state and (state[weight].shape[1], own[weight].shape[1]) == (5, 4):
        state[weight] = state[weight][:, :4]
        state[vector] = state[vector][: len(own[vector])]
    try:
        discriminator.load_state_dict(state)
    except RuntimeError as error:
        raise UserError(f"{path} holds no discriminator of this kind ({first_line(error)})") from error


def read_checkpoint(path: Path) -> dict:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise UserError(f"{path} is no checkpoint that can be read ({first_line(error)})") from error


def first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].rstrip(":")
