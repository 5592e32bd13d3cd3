"""Train the gated generator from a recipe.

`python -m pipelines.train.loop RECIPE --run FOLDER --photos ... --masks ...`
"""

import argparse
import copy
import time
import tomllib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.utils.data import DataLoader

from effect.inpaint.nets.gated import GatedConfig, GatedGenerator
from pipelines.train import losses
from pipelines.train.data import DataConfig, FromIndex, Scenes, read_pictures
from pipelines.train.discriminator import SNPatchGAN
from pipelines.train.samples import save_samples
from pipelines.train.vgg import VGGFeatures


@dataclass(frozen=True)
class LossConfig:
    """Weights; 0 switches a loss off."""

    coarse: float = 1.0  # L1 of the coarse picture
    refined: float = 1.0  # L1 of the refined picture
    known: float = 0.2  # L1 over known pixels, relative to hole pixels
    adversarial: float = 0.0  # hinge, SN-PatchGAN
    perceptual: float = 0.0  # VGG16


@dataclass(frozen=True)
class RunConfig:
    steps: int = 100_000
    seed: int = 1
    learning_rate: float = 1e-4
    discriminator_learning_rate: float = 1e-4
    betas: tuple[float, float] = (0.5, 0.999)
    clip_norm: float = 1.0
    ema_decay: float = 0.999
    log_steps: int = 100
    checkpoint_minutes: float = 4.0


@dataclass(frozen=True)
class Recipe:
    network: GatedConfig
    data: DataConfig
    loss: LossConfig
    run: RunConfig

    @classmethod
    def read(cls, path: Path) -> "Recipe":
        tables = tomllib.loads(path.read_text())
        section = lambda kind, name: kind(
            **{k: tuple(v) if isinstance(v, list) else v for k, v in tables.get(name, {}).items()}
        )
        return cls(
            section(GatedConfig, "network"),
            section(DataConfig, "data"),
            section(LossConfig, "loss"),
            section(RunConfig, "run"),
        )


def train(
    recipe: Recipe, folder: Path, scenes: Scenes, held_out: Scenes | None, vgg_file: Path | None
) -> None:
    """Run until `recipe.run.steps`, from the folder's checkpoint if it has one.

    Writes checkpoint.pt, ema.safetensors (the averaged generator) and samples.png.
    """
    run, weights = recipe.run, recipe.loss
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(run.seed)

    generator, discriminator = GatedGenerator(recipe.network), SNPatchGAN()
    vgg = VGGFeatures(vgg_file) if weights.perceptual else None
    for network in filter(None, (generator, discriminator, vgg)):
        network.to(device).to(memory_format=torch.channels_last)  # in place
    average = copy.deepcopy(generator).requires_grad_(False)
    generator_optimizer = torch.optim.Adam(generator.parameters(), run.learning_rate, run.betas)
    discriminator_optimizer = torch.optim.Adam(
        discriminator.parameters(), run.discriminator_learning_rate, run.betas
    )
    parts = dict(
        generator=generator,
        discriminator=discriminator,
        average=average,
        generator_optimizer=generator_optimizer,
        discriminator_optimizer=discriminator_optimizer,
    )
    first = resume(folder / "checkpoint.pt", parts) if (folder / "checkpoint.pt").exists() else 0
    for optimizer, rate in (
        (generator_optimizer, run.learning_rate),
        (discriminator_optimizer, run.discriminator_learning_rate),
    ):
        for group in optimizer.param_groups:
            group["lr"] = rate  # the recipe's, also when an earlier stage left another in the checkpoint

    totals: dict[str, float] = {}
    summed = 0  # fewer than log_steps after a resume in between
    started = saved = time.monotonic()
    steps = range(first + 1, run.steps + 1)
    for step, (picture, hole, truth) in zip(steps, batches(scenes, first, device), strict=False):
        with torch.autocast(device.type, torch.bfloat16):
            coarse, refined = generator(picture, hole)
            completed = truth * (1 - hole) + refined * hole

            terms = {
                "coarse": weights.coarse * losses.l1(coarse.float(), truth, hole, weights.known),
                "refined": weights.refined * losses.l1(refined.float(), truth, hole, weights.known),
            }
            if vgg is not None:
                with torch.no_grad():
                    wanted = vgg(truth)
                terms["perceptual"] = weights.perceptual * losses.perceptual(vgg(completed), wanted)
            if weights.adversarial:
                discriminator.requires_grad_(False)
                fake = discriminator(completed, hole).float()
                terms["adversarial"] = weights.adversarial * losses.hinge_generator(fake)
        descend(generator, generator_optimizer, torch.stack([*terms.values()]).sum(), run.clip_norm)

        if weights.adversarial:
            discriminator.requires_grad_(True)
            with torch.autocast(device.type, torch.bfloat16):
                both = torch.cat([truth, completed.detach()])
                real, fake = discriminator(both, hole.repeat(2, 1, 1, 1)).float().chunk(2)
                terms["discriminator"] = losses.hinge_discriminator(real, fake)
            descend(discriminator, discriminator_optimizer, terms["discriminator"], run.clip_norm)

        with torch.no_grad():  # a shorter memory at first, so that early averages are not the random start
            decay = min(run.ema_decay, (1 + step) / (10 + step))
            for old, new in zip(average.parameters(), generator.parameters(), strict=True):
                old.lerp_(new, 1 - decay)

        for name, term in terms.items():
            totals[name] = totals.get(name, 0.0) + term.item()
        summed += 1
        if step % run.log_steps == 0:
            rate = summed * recipe.data.batch / (time.monotonic() - started)
            means = " ".join(f"{name} {total / summed:.4f}" for name, total in totals.items())
            print(f"step {step} {means} {rate:.1f} images/s", flush=True)
            totals, summed, started = {}, 0, time.monotonic()
        if time.monotonic() - saved > 60 * run.checkpoint_minutes or step == run.steps:
            save(folder, parts, step, recipe)
            save_samples(average, picture, hole, truth, folder / "samples.png")
            if held_out is not None:
                psnr = hole_psnr(average, held_out, device)
                print(f"step {step} held-out PSNR {psnr:.3f} dB", flush=True)
            saved = time.monotonic()


def batches(scenes: Scenes, first_step: int, device: torch.device) -> Iterator[list[Tensor]]:
    config = scenes.config
    sampler = FromIndex(first_step * config.batch)
    loader = DataLoader(scenes, config.batch, sampler=sampler, num_workers=config.workers)
    for batch in loader:
        yield [t.to(device, memory_format=torch.channels_last, non_blocking=True) for t in batch]


def descend(network: nn.Module, optimizer: torch.optim.Optimizer, loss: Tensor, clip_norm: float) -> None:
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), clip_norm)
    optimizer.step()


@torch.no_grad()
def hole_psnr(generator: nn.Module, held_out: Scenes, device: torch.device, count: int = 64) -> float:
    """Mean PSNR in dB over hole pixels of the first `count` held-out examples."""
    scores = []
    for picture, hole, truth in (held_out[i] for i in range(count)):
        with torch.autocast(device.type, torch.bfloat16):
            _, refined = generator(picture[None].to(device), hole[None].to(device))
        error = ((refined[0].float().cpu() - truth) ** 2).mean(dim=0)[hole[0] > 0].mean().item()
        scores.append(10 * np.log10(4 / max(error, 1e-8)))  # the range is -1..1: peak squared is 4
    return float(np.mean(scores))


def save(folder: Path, parts: dict, step: int, recipe: Recipe) -> None:
    """Write under temporary names and rename, so that an interrupted save leaves the last one whole."""
    states = {name: part.state_dict() for name, part in parts.items()}
    torch.save({"step": step, **states}, folder / "checkpoint.part")
    (folder / "checkpoint.part").rename(folder / "checkpoint.pt")
    half = {name: value.half().contiguous() for name, value in states["average"].items()}
    network = {name: str(value) for name, value in asdict(recipe.network).items()}
    metadata = {"network": "gated", "step": str(step), **network}
    save_file(half, folder / "ema.part", metadata)
    (folder / "ema.part").rename(folder / "ema.safetensors")


def resume(checkpoint: Path, parts: dict) -> int:
    """Load every part's state; returns the step it was saved at."""
    states = torch.load(checkpoint, map_location="cpu", weights_only=True)
    for name, part in parts.items():
        part.load_state_dict(states[name])
    return states["step"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("recipe", type=Path)
    add("--run", type=Path, required=True, help="folder for checkpoints; resumed when it has one")
    add("--photos", type=Path, nargs="+", required=True, help="folders or tars of photos without people")
    add("--masks", type=Path, nargs="+", required=True, help="folders or tars of person silhouettes")
    add("--persons", type=Path, nargs="*", default=[], help="cut-out people (RGBA), for the attack")
    add("--held-out", type=Path, nargs="*", default=[], help="photos for the held-out score")
    add("--vgg", type=Path, help="VGG16 weights (safetensors); torchvision's own without it")
    add("--steps", type=int, help="stop at this step instead of the recipe's")
    options = parser.parse_args()
    # Vanishing gradients are denormal numbers, which cost a CPU a hundred times more.
    torch.set_flush_denormal(True)

    recipe = Recipe.read(options.recipe)
    if options.steps:
        recipe = replace(recipe, run=replace(recipe.run, steps=options.steps))
    options.run.mkdir(parents=True, exist_ok=True)
    masks, persons = read_pictures(options.masks), read_pictures(options.persons)
    scenes = Scenes(read_pictures(options.photos), masks, persons, recipe.data, recipe.run.seed)
    held_out = None
    if options.held_out:
        plain = replace(recipe.data, person_share=1, stroke_share=0, box_share=0, attack_share=0)
        some_masks = masks[:: max(1, len(masks) // 64)]
        held_out = Scenes(read_pictures(options.held_out), some_masks, [], plain, seed=0)
    train(recipe, options.run, scenes, held_out, options.vgg)


if __name__ == "__main__":
    main()
