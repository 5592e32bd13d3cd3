"""Segment Anything (Kirillov et al., 2023) from a user's checkpoint, prompted by MediaPipe or by points.

This module is the one place that knows segment_anything.
"""

import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from effect.errors import UserError
from effect.segment.passes import Box, person_boxes
from effect.segment.people import PERSON, cleaned, picked
from effect.segment.selfie import MediapipeSegmenter
from effect.weights import MODELS_FOLDER

OFFICIAL_CHECKPOINTS = ("sam_vit_b_01ec64.pth", "sam_vit_l_0b3195.pth", "sam_vit_h_4b8939.pth")
PUBLISHED_AT = "https://dl.fbaipublicfiles.com/segment_anything/"
BOX_PADDING = 0.05  # of the box: the coarse mask may miss a hand or a shoe
DECODER_HEADS = 8  # the one dimension of SAM that no tensor's shape tells; Meta's models all have it
PIXEL_MEAN, PIXEL_DEVIATION = (
    (123.675, 116.28, 103.53),
    (58.395, 57.12, 57.375),
)  # of 0-255 RGB, as in Meta's build


class SamSegmenter:
    """Probability of person from SAM; a context manager, as is the MediapipeSegmenter it asks for boxes."""

    def __init__(self, checkpoint: Path | None = None) -> None:
        path = _existing(checkpoint)  # before the libraries, which take seconds

        from segment_anything import SamPredictor

        self._predictor = SamPredictor(_load(path))
        self._people = MediapipeSegmenter()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._people.close()

    def probability(self, rgb: np.ndarray, at: Sequence[tuple[int, int]] = ()) -> np.ndarray:
        """Probability of person for a photo uint8 (H, W, 3): float32 (H, W) in 0-1.

        Without `at` every person found by MediaPipe is a box prompt; with it, each pixel (x, y) is a point
        prompt, joined by the box of the person there. Raises UserError when there is nothing to prompt with.
        """
        height, width = rgb.shape[:2]
        for x, y in at:
            if not (0 <= x < width and 0 <= y < height):
                raise UserError(f"the point {x},{y} lies outside the photo of {width}x{height} pixels")
        prompts = self._prompts(rgb, at)
        self._predictor.set_image(rgb)
        result = np.zeros((height, width), np.float32)
        for point, box in prompts:
            np.maximum(result, self._answer(point, box), out=result)
        return result

    def _prompts(
        self, rgb: np.ndarray, at: Sequence[tuple[int, int]]
    ) -> list[tuple[tuple[int, int] | None, Box | None]]:
        coarse = self._people.probability(rgb)
        height, width = coarse.shape
        if not at:
            return [(None, box.padded(BOX_PADDING, width, height)) for box in person_boxes(cleaned(coarse))]
        prompts: list[tuple[tuple[int, int] | None, Box | None]] = []
        for point in at:
            try:
                person = picked(rgb, cleaned(coarse), [point])
                boxes = person_boxes(np.where(person > PERSON, person, 0.0))
            except UserError:  # MediaPipe sees nobody there, but the user does: the point alone is the prompt
                boxes = []
            prompts.append((point, boxes[0].padded(BOX_PADDING, width, height) if boxes else None))
        return prompts

    def _answer(self, point: tuple[int, int] | None, box: Box | None) -> np.ndarray:
        logits, scores, _ = self._predictor.predict(
            point_coords=None if point is None else np.array([point], np.float32),
            point_labels=None if point is None else np.array([1]),
            box=None if box is None else np.array([box.left, box.top, box.right, box.bottom], np.float32),
            multimask_output=box
            is None,  # a lone point may mean the shirt or the person: SAM then offers several
            return_logits=True,
        )
        best = logits[int(np.argmax(scores))]
        return (1.0 / (1.0 + np.exp(-np.clip(best, -30, 30)))).astype(np.float32)


def _existing(checkpoint: Path | None) -> Path:
    candidates = [checkpoint] if checkpoint else [MODELS_FOLDER / name for name in OFFICIAL_CHECKPOINTS]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    missing = f"{checkpoint} does not exist" if checkpoint else "the SAM segmenter needs a checkpoint"
    raise UserError(
        f"{missing}: download {PUBLISHED_AT}{OFFICIAL_CHECKPOINTS[0]} (375 MB, published by Meta; "
        f"{' and '.join(OFFICIAL_CHECKPOINTS[1:])} lie beside it) into assets/models/, "
        "or name yours with --sam-checkpoint FILE"
    )


def _load(path: Path) -> Any:
    """Build the SAM whose tensors a checkpoint holds, and fill it; UserError when the file is another."""
    import torch

    try:
        tensors = torch.load(path, map_location="cpu", weights_only=True)
        model = _build(tensors)
        model.load_state_dict(tensors)
    except (
        OSError,
        EOFError,
        RuntimeError,
        KeyError,
        ValueError,
        AttributeError,
        TypeError,
        pickle.UnpicklingError,
    ) as error:
        raise UserError(
            f"{path} is not a SAM checkpoint: download {PUBLISHED_AT}{OFFICIAL_CHECKPOINTS[0]} again "
            "and name it with --sam-checkpoint"
        ) from error
    return model.to("cuda" if torch.cuda.is_available() else "cpu").eval()


def _build(tensors: Mapping[str, Any]) -> Any:
    """An empty SAM with the dimensions of its tensors, so that ViT-B, -L, -H and their relatives all load."""
    from segment_anything.modeling import MaskDecoder, PromptEncoder, Sam, TwoWayTransformer

    encoder = _image_encoder(tensors)
    channels = tensors["image_encoder.neck.0.weight"].shape[0]
    grid = tensors["image_encoder.pos_embed"].shape[1]
    prompts = PromptEncoder(
        embed_dim=channels,
        image_embedding_size=(grid, grid),
        input_image_size=(encoder.img_size, encoder.img_size),
        mask_in_chans=tensors["prompt_encoder.mask_downscaling.3.weight"].shape[0],
    )
    decoder = MaskDecoder(
        transformer_dim=channels,
        transformer=TwoWayTransformer(
            depth=_count(tensors, "mask_decoder.transformer.layers."),
            embedding_dim=channels,
            mlp_dim=tensors["mask_decoder.transformer.layers.0.mlp.lin1.weight"].shape[0],
            num_heads=DECODER_HEADS,
        ),
        num_multimask_outputs=tensors["mask_decoder.mask_tokens.weight"].shape[0] - 1,
        iou_head_depth=_count(tensors, "mask_decoder.iou_prediction_head.layers."),
        iou_head_hidden_dim=tensors["mask_decoder.iou_prediction_head.layers.0.weight"].shape[0],
    )
    return Sam(encoder, prompts, decoder, list(PIXEL_MEAN), list(PIXEL_DEVIATION))


def _image_encoder(tensors: Mapping[str, Any]) -> Any:
    from functools import partial

    from segment_anything.modeling import ImageEncoderViT
    from torch import nn

    _, grid, _, width = tensors["image_encoder.pos_embed"].shape
    patch = tensors["image_encoder.patch_embed.proj.weight"].shape[-1]
    depth = _count(tensors, "image_encoder.blocks.")
    # relative positions of a block cover its attention window: 2 x side - 1 offsets, each as wide as one head
    reaches = [
        (tensors[f"image_encoder.blocks.{block}.attn.rel_pos_h"].shape[0] + 1) // 2 for block in range(depth)
    ]
    head_width = tensors["image_encoder.blocks.0.attn.rel_pos_h"].shape[1]
    return ImageEncoderViT(
        img_size=grid * patch,
        patch_size=patch,
        embed_dim=width,
        depth=depth,
        num_heads=width // head_width,
        mlp_ratio=tensors["image_encoder.blocks.0.mlp.lin1.weight"].shape[0] / width,
        out_chans=tensors["image_encoder.neck.0.weight"].shape[0],
        qkv_bias=True,
        norm_layer=partial(nn.LayerNorm, eps=1e-6),
        use_rel_pos=True,
        global_attn_indexes=tuple(block for block, reach in enumerate(reaches) if reach == grid),
        window_size=min(reaches),
    )


def _count(tensors: Mapping[str, Any], prefix: str) -> int:
    """How many numbered children a prefix has."""
    return len({name[len(prefix) :].split(".")[0] for name in tensors if name.startswith(prefix)})
