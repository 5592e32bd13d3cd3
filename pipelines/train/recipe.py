"""Recipes: TOML files that say which network is trained, on what, with which losses and for how long."""

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from effect.errors import UserError
from pipelines.train.data import DataConfig

RECIPE_FOLDER = Path(__file__).parent / "recipes"


@dataclass(frozen=True)
class LossConfig:
    """Weights of the losses in `pipelines.train.losses`; 0 switches one off."""

    coarse: float = 1.0  # L1 of every picture before the last
    refined: float = 1.0  # L1 of the last picture
    known: float = 0.2  # L1, or cross-entropy, over known pixels, relative to hole pixels
    gan: Literal["hinge", "log", "least_squares", "relativistic"] = "hinge"
    adversarial: float = 0.0  # that GAN loss, with SN-PatchGAN
    perceptual: float = 0.0  # VGG16 features of the completed picture
    style: float = 0.0  # Gram matrices of the same features
    edges: float = 0.0  # balanced cross-entropy, for the network "edges"
    feature_matching: float = 0.0  # features of the discriminator
    looks: float = (
        0.0  # what a network with looks=true expects; without losses of pictures its head learns alone
    )
    likeness: float = 0.0  # which known places it thinks resemble the hidden ones, beside looks
    colours: float = 0.0  # what a network's second head, with colours=true, makes of likely colours

    def __post_init__(self) -> None:
        if self.likeness and not self.looks:
            raise UserError("loss.likeness is learned beside loss.looks: set both")

    @property
    def of_pictures(self) -> bool:
        """Does what is painted matter? Else only what is expected does."""
        return self.of_features or self.of_judge or self.coarse + self.refined + self.edges > 0

    @property
    def of_heads(self) -> bool:
        """Does what a network tells besides its pictures matter?"""
        return self.looks + self.colours > 0

    @property
    def of_features(self) -> bool:
        """Do VGG16's features of what is painted matter?"""
        return self.perceptual + self.style > 0

    @property
    def needs_vgg(self) -> bool:
        return self.of_features or self.likeness > 0

    @property
    def of_judge(self) -> bool:
        """Is a discriminator needed?"""
        return self.adversarial + self.feature_matching > 0


@dataclass(frozen=True)
class DistillConfig:
    """Weights of what `distill` adds to the losses, see `pipelines.train.transfer`; 0 switches one off. `train` leaves
    them all out."""

    output: float = 0.0  # the teacher's pictures, coarse and refined
    features: float = 0.0  # its inner maps, through 1x1 adapters
    attention: float = 0.0  # where these maps are strong
    relation: float = 0.0  # how alike they are for the pictures of a batch
    perceptual: float = 0.0  # VGG16 features of its completed picture
    known: float = 1.0  # known pixels in the first four, relative to hole pixels; 0 = hole only
    teacher_size_px: int = 0  # what the teacher sees is scaled to this; 0 = as the student sees it

    @property
    def of_maps(self) -> bool:
        """Does the student imitate inner maps?"""
        return self.features + self.attention + self.relation > 0

    @property
    def is_on(self) -> bool:
        return self.of_maps or self.output + self.perceptual > 0


@dataclass(frozen=True)
class RunConfig:
    steps: int = 100_000
    minutes: float = 0.0  # on the clock in all, resumed parts too, scoring not; 0 = until `steps`
    processor_minutes: float = 0.0  # likewise of processor time, the fairer measure on a shared machine
    seed: int = 1
    learning_rate: float = 1e-4
    discriminator_learning_rate: float = 1e-4
    betas: tuple[float, float] = (0.5, 0.999)
    clip_norm: float = 1.0
    ema_decay: float = 0.999
    autocast: bool = True  # compute in bfloat16; false where the processor has no instructions for it
    log_steps: int = 100
    checkpoint_minutes: float = 4.0
    held_out_count: int = 32  # scenes that are scored at every checkpoint

    def __post_init__(self) -> None:
        if self.steps < 1 or self.log_steps < 1:
            raise UserError("run.steps and run.log_steps must be at least 1")


@dataclass(frozen=True)
class Recipe:
    """network: one of `effect.inpaint.nets.NETWORKS`; settings: those of its configuration, checked when it is
    built."""

    network: str
    settings: Mapping[str, object]
    data: DataConfig
    loss: LossConfig
    run: RunConfig
    distill: DistillConfig = DistillConfig()

    @classmethod
    def read(cls, name_or_file: Path, overrides: Mapping[str, str] = {}) -> "Recipe":
        """A recipe file, or one that ships by its name ("gated").

        overrides: "section.key" -> a value as TOML writes it. Raises UserError for a file that is missing or no TOML,
        an unknown section or key, or a value of the wrong type.
        """
        tables = read_tables(name_or_file)
        for key, text in overrides.items():
            section, dot, name = key.partition(".")
            if not (section and dot and name):
                raise UserError(f"write a recipe's key like section.key, for example run.seed, not {key!r}")
            tables.setdefault(section, {})[name] = toml_value(text)
        for section in tables:
            known_or_error(section, ("network", "data", "loss", "distill", "run"), "a recipe has no section")
        network = dict(tables.get("network", {}))
        name = network.pop("name", "gated")
        if not isinstance(name, str):
            raise UserError(f"network.name must be text, not {name!r}")
        return cls(
            name,
            network,
            DataConfig(**checked("data", tables.get("data", {}), DataConfig)),
            LossConfig(**checked("loss", tables.get("loss", {}), LossConfig)),
            RunConfig(**checked("run", tables.get("run", {}), RunConfig)),
            DistillConfig(**checked("distill", tables.get("distill", {}), DistillConfig)),
        )


def recipe_names() -> list[str]:
    return sorted(path.stem for path in RECIPE_FOLDER.glob("*.toml"))


def read_tables(name_or_file: Path) -> dict[str, dict[str, Any]]:
    """The file's sections, unchecked."""
    shipped = RECIPE_FOLDER / f"{name_or_file}.toml"
    try:
        tables = tomllib.loads((shipped if shipped.is_file() else name_or_file).read_text())
    except FileNotFoundError:
        near = get_close_matches(name_or_file.stem, recipe_names(), 1)
        hint = f"did you mean '{near[0]}'?" if near else f"those that ship: {', '.join(recipe_names())}"
        raise UserError(f"there is no recipe {name_or_file}: {hint}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{name_or_file} is no recipe in TOML: {error}") from error
    for section, table in tables.items():
        if not isinstance(table, dict):
            raise UserError(f"{name_or_file}: '{section}' stands outside of a section such as [run]")
    return tables


def toml_value(text: str) -> object:
    """A value as TOML writes it; text that is none, such as a word without quotes, is that text."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def checked(section: str, table: Mapping[str, object], kind: type) -> dict[str, Any]:
    """The section's values, of the types that the fields of its dataclass `kind` declare."""
    hints, names = get_type_hints(kind), [field.name for field in fields(kind)]
    for key in table:
        known_or_error(key, names, f"[{section}] has no key")
    return {key: checked_value(f"{section}.{key}", value, hints[key]) for key, value in table.items()}


def checked_value(key: str, value: object, hint: Any) -> object:
    if get_origin(hint) is Literal:
        known_or_error(value, get_args(hint), f"{key} cannot be")
        return value
    if get_origin(hint) is tuple:
        kinds = get_args(hint)
        if not isinstance(value, list | tuple) or len(value) != len(kinds):
            raise UserError(f"{key} must be a list of {len(kinds)} numbers, not {value!r}")
        return tuple(checked_value(key, part, kind) for part, kind in zip(value, kinds, strict=True))
    if hint is bool:
        known_or_error(value, (True, False), f"{key} cannot be")
        return value
    whole = isinstance(value, int) and not isinstance(value, bool)
    if hint is int and whole and value >= 0:  # type: ignore[operator]  # a number here
        return value
    if hint is float and (whole or isinstance(value, float)) and 0 <= value < math.inf:  # type: ignore[operator]
        return float(value)  # type: ignore[arg-type]  # a number here
    wanted = "whole number" if hint is int else "number"
    raise UserError(f"{key} must be a {wanted} of at least 0, not {value!r}")


def known_or_error(word: object, known: Sequence[object], complaint: str) -> None:
    if any(word is one or (isinstance(word, str) and word == one) for one in known):
        return
    names = [str(one) for one in known]
    near = get_close_matches(str(word), names, 1)
    hint = f"did you mean '{near[0]}'?" if near else f"choose one of {', '.join(names)}"
    raise UserError(f"{complaint} '{word}': {hint}")
