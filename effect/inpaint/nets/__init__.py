"""The generators by name: build one from settings, load one from its weights, describe one for its weights' file."""

import ast
from collections.abc import Mapping
from dataclasses import asdict, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from effect.errors import UserError
from effect.inpaint.nets.edgeconnect import EdgeConnectConfig, EdgeConnectGenerator, EdgeGenerator
from effect.inpaint.nets.gated import GatedConfig, GatedGenerator
from effect.inpaint.nets.generator import Generator
from effect.inpaint.nets.lbam import LBAMConfig, LBAMGenerator
from effect.inpaint.nets.partial import PartialConfig, PartialGenerator

NETWORKS: dict[str, tuple[Any, type[Generator]]] = {  # name: configuration and network
    "gated": (GatedConfig, GatedGenerator),
    "partial": (PartialConfig, PartialGenerator),
    "lbam": (LBAMConfig, LBAMGenerator),
    "edges": (EdgeConnectConfig, EdgeGenerator),
    "edgeconnect": (EdgeConnectConfig, EdgeConnectGenerator),
}


def build(name: str, settings: Mapping[str, object] = {}) -> Generator:
    """A freshly initialised network; lists in `settings` become tuples, what is missing takes its default.

    Raises UserError for an unknown name, an unknown setting, or a value of the wrong type or out of range.
    """
    if name not in NETWORKS:
        raise UserError(f"unknown network '{name}'{suggestion(name, list(NETWORKS))}")
    config, network = NETWORKS[name]
    kinds = {field.name: type(field.default) for field in fields(config)}
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in settings.items()}
    for key, value in values.items():
        if key not in kinds:
            raise UserError(f"network '{name}' has no setting '{key}'{suggestion(key, list(kinds))}")
        if kinds[key] is float and type(value) is int:
            values[key] = float(value)
        elif type(value) is not kinds[key]:
            raise UserError(
                f"setting '{key}' of network '{name}' must be {kinds[key].__name__}, not {value!r}"
            )
    return network(config(**values))


def load_generator(weights: Path) -> Generator:
    """The generator of a safetensors file, whose metadata (`metadata_of`) says how to build it.

    Returns it for inference: float32, channels_last, eval. Settings that the file does not mention take their
    defaults. Raises UserError for a file that cannot be read or does not fit the network it names.
    """
    try:
        with safe_open(weights, "pt") as stored:
            metadata = stored.metadata() or {}
            state = {name: stored.get_tensor(name).float() for name in stored.keys()}  # noqa: SIM118  # no dict
    except (OSError, SafetensorError) as error:
        raise UserError(f"{weights} holds no weights that can be read ({error})") from error
    name = metadata.get("network")
    if name not in NETWORKS:
        raise UserError(f"{weights} does not say which network it belongs to: one of {', '.join(NETWORKS)}")
    known = {field.name: type(field.default) for field in fields(NETWORKS[name][0])}
    settings = {key: parsed(text, known[key]) for key, text in metadata.items() if key in known}
    generator = build(name, settings)
    try:
        generator.load_state_dict(state)
    except RuntimeError as error:
        raise UserError(f"{weights} does not hold the weights of the '{name}' network it names") from error
    return generator.to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload]  # stub lacks it


def metadata_of(generator: Generator) -> dict[str, str]:
    """What `load_generator` needs to know to build this generator again: its name and every setting, as text."""
    name = next(name for name, (_, network) in NETWORKS.items() if type(generator) is network)
    return {"network": name, **{key: str(value) for key, value in asdict(generator.config).items()}}


def parsed(text: str, kind: type) -> object:
    """The inverse of str() for a setting of type `kind`; text that is no such value stays text."""
    if kind is str:
        return text
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def suggestion(word: str, known: list[str]) -> str:
    """The end of an error line: the nearest known word, or all of them."""
    near = get_close_matches(word, known, 1)
    return f": did you mean '{near[0]}'?" if near else f": choose one of {', '.join(known)}"
