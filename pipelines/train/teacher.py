"""The teacher of a distillation: a trained network, frozen, and what its student hears from it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from effect.errors import UserError
from effect.inpaint.nets import Generator, load_generator, metadata_of
from pipelines.train import losses, transfer
from pipelines.train.data import Example
from pipelines.train.recipe import DistillConfig
from pipelines.train.vgg import VGGFeatures


class Teacher:
    """Paints every batch beside the student, and says how far the student is from it.

    adapters: 1x1 convolutions from the student's landmarks to the teacher's channels. They learn with the student, and
    are of no use without the teacher.
    """

    def __init__(
        self, weights: Path, student: Generator, config: DistillConfig, device: torch.device
    ) -> None:
        """student: on `device`, where the teacher goes, too.

        Raises UserError for weights that cannot be read, or from which this student cannot learn.
        """
        self.config, self.generator = config, load_generator(weights).requires_grad_(False).to(device)
        names = [metadata_of(network)["network"] for network in (self.generator, student)]
        if names[0] in ("edges", "edgeconnect") or names[1] == "edges":
            raise UserError(f"'{names[1]}' cannot learn from '{names[0]}': neither may need or draw edges")
        self.places = places = student.landmarks
        if config.of_maps and not (places and places == self.generator.landmarks):
            raise UserError(
                f"inner maps of '{names[0]}' say nothing to '{names[1]}': both must be gated, "
                "or distill.features, attention and relation 0"
            )
        if config.teacher_size_px % self.generator.stride:
            raise UserError(f"distill.teacher_size_px must be a multiple of {self.generator.stride}")
        self.of_student, self.of_teacher = watched(student), watched(self.generator)
        self.adapters = nn.ModuleList()
        if config.features:
            for network in (student, self.generator):
                side_px = 8 * network.stride
                hole = torch.ones(1, 1, side_px, side_px, device=device)
                with torch.no_grad():  # only to see how wide the maps are
                    network(hole.expand(-1, 3, -1, -1), hole)
            for place in places:
                widths = self.of_student[place].shape[1], self.of_teacher[place].shape[1]
                self.adapters.append(nn.Conv2d(*widths, 1).to(device))

    @torch.no_grad()
    def paint(self, batch: Example) -> list[Tensor]:
        """The teacher's pictures of the batch, each (B, 3, S, S) in -1..1."""
        size_px, own_px = batch.picture.shape[-1], self.config.teacher_size_px
        picture, hole, guidance = batch.picture, batch.hole, batch.guidance
        if own_px:
            picture = F.interpolate(picture, (own_px, own_px), mode="bilinear", antialias=True)
            hole, guidance = (
                (F.interpolate(part, (own_px, own_px), mode="bilinear", antialias=True) > 0).float()
                for part in (hole, guidance)
            )
        drawn = [one.float() for one in self.generator(picture, hole, guidance)]
        if not own_px:
            return drawn
        return [F.interpolate(one, (size_px, size_px), mode="bilinear", antialias=True) for one in drawn]

    def terms(
        self, drawn: list[Tensor], batch: Example, vgg: VGGFeatures | None, autocast: Callable[[], Any]
    ) -> dict[str, Tensor]:
        """The losses that are switched on, weighted. drawn: what the student has just painted of the batch."""
        config = self.config
        terms: dict[str, Tensor] = {}
        with autocast():
            taught = self.paint(batch)
        counts = transfer.pixel_counts(batch.hole, config.known)
        if config.output:
            terms["taught_output"] = config.output * transfer.output_transfer(drawn, taught, counts)
        if config.of_maps:
            maps, wanted = self.maps()
        if config.features:
            adapted = [adapter(one) for adapter, one in zip(self.adapters, maps, strict=True)]
            terms["taught_features"] = config.features * transfer.feature_transfer(adapted, wanted, counts)
        if config.attention:
            terms["taught_attention"] = config.attention * transfer.attention_transfer(maps, wanted, counts)
        if config.relation:
            terms["taught_relation"] = config.relation * transfer.relation_transfer(maps, wanted, counts)
        if config.perceptual and vgg is not None:
            completed = [batch.truth * (1 - batch.hole) + one * batch.hole for one in (drawn[-1], taught[-1])]
            with autocast():
                own, teachers = (vgg(picture) for picture in completed)
            terms["taught_perceptual"] = config.perceptual * losses.perceptual(own, teachers)
        return terms

    def maps(self) -> tuple[list[Tensor], list[Tensor]]:
        """The landmarks that the last passes left, the student's and the teacher's, both of the student's sizes."""
        own = [self.of_student[place].float() for place in self.places]
        teachers = [self.of_teacher[place].float() for place in self.places]
        pairs = zip(own, teachers, strict=True)
        return own, [transfer.shrunk(teacher, student) for student, teacher in pairs]


def watched(network: Generator) -> dict[str, Tensor]:
    """Its landmarks' outputs by name, which every pass through the network replaces."""
    maps: dict[str, Tensor] = {}
    for place in network.landmarks:
        keep: Any = lambda layer, inputs, output, place=place: maps.update({place: output})
        network.get_submodule(place).register_forward_hook(keep)
    return maps
