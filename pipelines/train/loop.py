"""Train a generator as a recipe says: the loop, from top to bottom."""

import copy
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
import torch.distributed as distributed
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader

from effect.errors import UserError
from effect.inpaint.looks import LOOKS
from effect.inpaint.nets import build, load_generator
from effect.inpaint.nets.looks import CELL_PX, looks
from pipelines.train import losses
from pipelines.train.checkpoint import Part, inherit_discriminator, resume, save, warm_start
from pipelines.train.colours import colour_error
from pipelines.train.data import Example, FromIndex, Scenes
from pipelines.train.discriminator import SNPatchGAN
from pipelines.train.held_out import held_out_scores
from pipelines.train.history import History
from pipelines.train.recipe import LossConfig, Recipe
from pipelines.train.samples import save_samples
from pipelines.train.teacher import Teacher
from pipelines.train.vgg import VGGFeatures


def train(
    recipe: Recipe,
    folder: Path,
    scenes: Scenes,
    held_out: Scenes | None = None,
    vgg: VGGFeatures | None = None,
    start: Path | None = None,
    edges: Path | None = None,
    tell: Callable[[str], None] = lambda line: None,
    teacher_weights: Path | None = None,
    judge_checkpoint: Path | None = None,
) -> None:
    """Run until the recipe's steps or minutes are spent, from the folder's checkpoint if it has one.

    vgg: for losses on its features; start: weights that a new run begins with; edges: weights of the network "edges",
    for "edgeconnect"; teacher_weights: of the network to learn from as recipe.distill says; judge_checkpoint: of the
    run whose discriminator a new run begins with. `tell` is called with a line every `log_steps` and at every
    checkpoint. Writes checkpoint.pt, ema.safetensors (the averaged generator), samples.png, losses.csv and losses.png.
    In a process group every process computes `batch` examples a step, and the first one writes and tells.
    """
    run, weights = recipe.run, recipe.loss
    rank, processes, device = place_of_process()
    torch.manual_seed(run.seed)

    generator: Any = build(recipe.network, recipe.settings)
    if recipe.data.size_px % generator.stride:
        raise UserError(f"data.size_px must be a multiple of {generator.stride} for '{recipe.network}'")
    if start:
        warm_start(generator, start)
    if recipe.network == "edgeconnect":
        freeze_edges(generator, edges)
    if weights.of_heads:
        has_heads_or_error(generator, processes, weights)
        if not weights.of_pictures:
            generator.requires_grad_(False)
            generator.looks.requires_grad_(weights.looks > 0)
            if weights.colours:
                generator.colours.requires_grad_(True)
    draws_edges = recipe.network == "edges"
    guided = recipe.data.guidance != "none" and not draws_edges
    discriminator = SNPatchGAN(inputs=3 if draws_edges else 4 + guided)
    for network in filter(None, (generator, discriminator, vgg)):
        network.to(device).to(memory_format=torch.channels_last)  # in place
    if judge_checkpoint:
        inherit_discriminator(discriminator, judge_checkpoint)
    average = copy.deepcopy(generator).requires_grad_(False).eval()
    learned = [parameter for parameter in generator.parameters() if parameter.requires_grad]
    teacher = Teacher(teacher_weights, generator, recipe.distill, device) if teacher_weights else None
    if teacher is not None:
        learned += teacher.adapters.parameters()
    generator_optimizer = torch.optim.Adam(learned, run.learning_rate, run.betas)
    discriminator_optimizer = torch.optim.Adam(
        discriminator.parameters(), run.discriminator_learning_rate, run.betas
    )
    parts: dict[str, Part] = dict(
        generator=generator,
        discriminator=discriminator,
        average=average,
        generator_optimizer=generator_optimizer,
        discriminator_optimizer=discriminator_optimizer,
    )
    if teacher is not None:
        parts["adapters"] = teacher.adapters
        if processes > 1 and recipe.distill.features:
            raise UserError("distill.features learns in one process: leave out torchrun, or set it to 0")
    progress = resume(folder, parts)
    if progress.finished(run):
        return
    for optimizer, rate in (
        (generator_optimizer, run.learning_rate),
        (discriminator_optimizer, run.discriminator_learning_rate),
    ):
        for group in optimizer.param_groups:
            group["lr"] = rate  # the recipe's, also when an earlier stage left another in the checkpoint
    paint: nn.Module = generator
    judge: nn.Module = discriminator
    if processes > 1:  # these average the gradients of all processes
        paint, judge = DistributedDataParallel(generator), DistributedDataParallel(discriminator)
    discriminator_loss, generator_loss = losses.GAN_LOSSES[weights.gan]
    autocast: Any = lambda: torch.autocast(device.type, torch.bfloat16, enabled=run.autocast)

    history = History(folder, progress.step)
    totals: dict[str, float] = {}
    summed = 0  # fewer than log_steps after a resume in between
    logged = saved = time.monotonic()
    progress.begin()
    for batch in batches(scenes, progress.step, rank, processes, device):
        shown = batch.picture, batch.hole, batch.guidance
        with autocast():
            if weights.looks:
                seen = generator.see(*shown)
                expected = generator.expect(seen, *shown[:2])
                painted = generator.draw(seen) if weights.of_pictures else ()
            else:
                expected, painted = None, paint(*shown) if weights.of_pictures else ()
        drawn = [one.float() for one in painted]
        terms = {} if expected is None else looks_terms(weights, expected, batch)
        if weights.colours:
            terms["colours"] = weights.colours * colour_error(generator, batch)
        if expected is not None and vgg is not None and weights.likeness:
            with autocast(), torch.no_grad():
                maps = vgg(batch.truth)[:3]
            terms["likeness"] = weights.likeness * unlikeness(expected, batch, maps)
        if draws_edges:
            real, fake, condition = batch.edges, drawn[-1], torch.cat([grey(batch.truth), batch.hole], dim=1)
            terms = {
                "edges": weights.edges
                * losses.balanced_cross_entropy(fake, batch.edges, batch.hole, weights.known)
            }
        elif drawn:
            real, fake = batch.truth, batch.truth * (1 - batch.hidden) + drawn[-1] * batch.hidden
            condition = torch.cat([batch.hidden, batch.guidance], dim=1) if guided else batch.hidden
            terms |= pixel_terms(weights, drawn, batch)
            if vgg is not None and weights.of_features:
                with autocast():
                    terms |= feature_terms(weights, vgg, fake, real)
            if teacher is not None:
                terms |= teacher.terms(drawn, batch, vgg, autocast)
        if weights.of_judge:
            discriminator.requires_grad_(False)
            with autocast():
                of_real, of_fake = features(discriminator, real, fake, condition)
            terms["adversarial"] = weights.adversarial * generator_loss(of_real[-1], of_fake[-1])
            if weights.feature_matching:
                terms["matching"] = weights.feature_matching * losses.feature_matching(of_fake, of_real)
        descend(learned, generator_optimizer, torch.stack([*terms.values()]).sum(), run.clip_norm)

        if weights.of_judge:
            discriminator.requires_grad_(True)
            with autocast():
                of_real, of_fake = features(judge, real, fake.detach(), condition)
            terms["discriminator"] = discriminator_loss(of_real[-1], of_fake[-1])
            descend(
                discriminator.parameters(), discriminator_optimizer, terms["discriminator"], run.clip_norm
            )

        progress.step += 1
        follow(average, generator, run.ema_decay, progress.step)
        for name, term in terms.items():
            totals[name] = totals.get(name, 0.0) + term.item()
        summed += 1
        finished = agreed(progress.finished(run), device)
        if rank == 0 and progress.step % run.log_steps == 0:
            rate = summed * recipe.data.batch * processes / (time.monotonic() - logged)
            means = {name: total / summed for name, total in totals.items()}
            tell(f"step {progress.step} {words(means)} {rate:.1f} images/s")
            history.add(progress.step, progress.trained()[0], means)
            totals, summed, logged = {}, 0, time.monotonic()
        if rank == 0 and (finished or time.monotonic() - saved > 60 * run.checkpoint_minutes):
            progress.pause()
            save(folder, parts, progress, average)
            save_samples(average, batch, folder / "samples.png")
            scores = {}
            if held_out is not None:
                scores = held_out_scores(average, held_out, run.held_out_count, run.autocast)
                history.add(progress.step, progress.trained()[0], scores)
            history.save()
            seconds, processor_seconds = progress.trained()
            spent = f"{seconds:.0f} s, {processor_seconds:.0f} s of the processor"
            tell(f"step {progress.step} saved after {spent}; held-out {words(scores) or 'not scored'}")
            saved = time.monotonic()
            progress.begin()
        if finished:
            return


def place_of_process() -> tuple[int, int, torch.device]:
    """This process's number, how many there are, and the device it computes on."""
    rank, processes = 0, 1
    if distributed.is_initialized():
        rank, processes = distributed.get_rank(), distributed.get_world_size()
    if torch.cuda.is_available():
        return rank, processes, torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
    return rank, processes, torch.device("cpu")


def freeze_edges(generator: Any, weights: Path | None) -> None:
    """EdgeConnect's edge generator is trained before, on its own (ICCVW 2019, section 4.2)."""
    if weights:
        trained = load_generator(weights)
        if type(trained) is not type(generator.edges) or trained.config != generator.edges.config:
            raise UserError(f"{weights} is no 'edges' network with the settings that the recipe's edges have")
        generator.edges.load_state_dict(trained.state_dict())
    generator.edges.requires_grad_(False)


def has_heads_or_error(generator: Any, processes: int, weights: LossConfig) -> None:
    for name in ("looks", "colours"):
        if getattr(weights, name) and getattr(generator, name, None) is None:
            raise UserError(f"loss.{name} needs a network with that head: gated, with network.{name}=true")
    if weights.likeness and not generator.looks.likeness:
        raise UserError("loss.likeness needs a network that tells of it: network.likeness above 0")
    if processes > 1:
        raise UserError("loss.looks and loss.colours learn in one process: leave out torchrun")


def batches(
    scenes: Scenes, first_step: int, rank: int, processes: int, device: torch.device
) -> Iterator[Example]:
    """From step `first_step` on, this process's part of every step's examples, on the device."""
    config = scenes.config
    sampler = FromIndex(first_step * config.batch * processes + rank, processes)
    for batch in DataLoader(scenes, config.batch, sampler=sampler, num_workers=config.workers):
        yield Example(*(t.to(device, memory_format=torch.channels_last, non_blocking=True) for t in batch))


def grey(rgb: Tensor) -> Tensor:
    """Luma (B, 1, H, W) of RGB (B, 3, H, W), ITU-R BT.601."""
    return (rgb * rgb.new_tensor([0.299, 0.587, 0.114])[:, None, None]).sum(dim=1, keepdim=True)


def pixel_terms(weights: LossConfig, drawn: list[Tensor], batch: Example) -> dict[str, Tensor]:
    l1 = [losses.l1(one, batch.truth, batch.hidden, weights.known) for one in drawn]
    terms = {"coarse": weights.coarse * sum(l1[:-1], l1[0].new_zeros(()))} if len(l1) > 1 else {}
    return {**terms, "refined": weights.refined * l1[-1]}


def looks_terms(weights: LossConfig, expected: Tensor, batch: Example) -> dict[str, Tensor]:
    cells, told = F.avg_pool2d(batch.hidden, CELL_PX), expected[:, : 2 * LOOKS]
    return {"looks": weights.looks * losses.unlikelihood(told, looks(batch.truth), cells, weights.known)}


def unlikeness(expected: Tensor, batch: Example, maps: list[Tensor]) -> Tensor:
    features = losses.likeness_features(maps, looks(batch.truth))
    queries, keys = expected[:, 2 * LOOKS :].chunk(2, dim=1)
    hole, hidden = F.avg_pool2d(batch.hole, CELL_PX), F.avg_pool2d(batch.hidden, CELL_PX)
    return losses.unlikeness(queries, keys, features, hole, hidden)


def feature_terms(weights: LossConfig, vgg: VGGFeatures, fake: Tensor, real: Tensor) -> dict[str, Tensor]:
    with torch.no_grad():
        wanted = vgg(real)
    painted = vgg(fake)
    terms = {"perceptual": weights.perceptual * losses.perceptual(painted, wanted)}
    if weights.style:
        terms["style"] = weights.style * losses.style(painted, wanted)
    return terms


def features(
    discriminator: nn.Module, real: Tensor, fake: Tensor, condition: Tensor
) -> tuple[list[Tensor], list[Tensor]]:
    """The discriminator's maps of real and of painted pictures, its scores last."""
    both = discriminator(torch.cat([real, fake]), condition.repeat(2, 1, 1, 1))
    halves = [one.float().chunk(2) for one in both]
    return [half[0] for half in halves], [half[1] for half in halves]


def descend(parameters: Any, optimizer: torch.optim.Optimizer, loss: Tensor, clip_norm: float) -> None:
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(parameters, clip_norm)
    optimizer.step()


@torch.no_grad()
def follow(average: nn.Module, generator: nn.Module, decay: float, step: int) -> None:
    """Exponential moving average of the weights; buffers, such as batch statistics, are copied."""
    decay = min(
        decay, (1 + step) / (10 + step)
    )  # a shorter memory at first: the random start is soon forgotten
    for old, new in zip(average.parameters(), generator.parameters(), strict=True):
        old.lerp_(new, 1 - decay)
    for copied, buffer in zip(average.buffers(), generator.buffers(), strict=True):
        copied.copy_(buffer)


def agreed(finished: bool, device: torch.device) -> bool:
    """All processes stop when the first one does: their clocks differ."""
    if not distributed.is_initialized():
        return finished
    word = torch.tensor([finished], dtype=torch.uint8, device=device)
    distributed.broadcast(word, src=0)
    return bool(word.item())


def words(values: dict[str, float]) -> str:
    return " ".join(f"{name} {value:.4f}" for name, value in values.items())
