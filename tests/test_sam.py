"""Segment Anything through the real library: tiny networks with random weights, built and saved here."""

from functools import partial

import numpy as np
import pytest
import torch
from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, Sam, TwoWayTransformer

from effect.errors import UserError
from effect.segment import open_segmenter, sam
from effect.segment.sam import SamSegmenter
from effect.segment.selfie import MediapipeSegmenter


def tiny_sam(width=32, heads=2, depth=3, global_blocks=(2,), window=3, grid=8, channels=32):
    torch.manual_seed(5)
    encoder = ImageEncoderViT(
        img_size=grid * 16,
        patch_size=16,
        embed_dim=width,
        depth=depth,
        num_heads=heads,
        mlp_ratio=2,
        out_chans=channels,
        qkv_bias=True,
        norm_layer=partial(torch.nn.LayerNorm, eps=1e-6),
        use_rel_pos=True,
        global_attn_indexes=global_blocks,
        window_size=window,
    )
    prompts = PromptEncoder(
        embed_dim=channels,
        image_embedding_size=(grid, grid),
        input_image_size=(grid * 16, grid * 16),
        mask_in_chans=8,
    )
    decoder = MaskDecoder(
        transformer_dim=channels,
        num_multimask_outputs=3,
        iou_head_depth=2,
        iou_head_hidden_dim=24,
        transformer=TwoWayTransformer(depth=1, embedding_dim=channels, mlp_dim=48, num_heads=8),
    )
    model = Sam(encoder, prompts, decoder, list(sam.PIXEL_MEAN), list(sam.PIXEL_DEVIATION)).eval()
    for parameter in model.parameters():  # relative positions start at zero: make each tensor count
        torch.nn.init.normal_(parameter, std=0.2)
    return model


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / "tiny.pth"
    torch.save(tiny_sam().state_dict(), path)
    return path


@pytest.fixture
def people(monkeypatch):
    """Two people as if found by MediaPipe, at columns 10-40 and 70-100."""
    coarse = np.zeros((80, 120), np.float32)
    coarse[20:80, 10:40] = coarse[30:80, 70:100] = 0.9
    monkeypatch.setattr(MediapipeSegmenter, "probability", lambda self, rgb, at=(): coarse)
    return coarse


@pytest.fixture
def asked(monkeypatch):
    """The prompts that reach the predictor."""
    from segment_anything import SamPredictor

    prompts, real = [], SamPredictor.predict

    def predict(self, **arguments):
        prompts.append(arguments)
        return real(self, **arguments)

    monkeypatch.setattr(SamPredictor, "predict", predict)
    return prompts


PHOTO = np.random.default_rng(2).integers(0, 255, (80, 120, 3), np.uint8)


@pytest.mark.parametrize(
    "dimensions",
    [
        {},
        {"width": 48, "heads": 3, "depth": 2, "global_blocks": (0, 1)},
        {"depth": 4, "global_blocks": (1, 3), "window": 5, "grid": 6},
    ],
)
def test_the_network_is_rebuilt_from_its_tensors_alone(dimensions, tmp_path):
    original = tiny_sam(**dimensions)
    torch.save(original.state_dict(), tmp_path / "any.pth")
    loaded = sam._load(tmp_path / "any.pth")
    image = torch.rand(3, original.image_encoder.img_size, original.image_encoder.img_size) * 255
    batch = [
        {
            "image": image,
            "original_size": tuple(image.shape[1:]),
            "boxes": torch.tensor([[5.0, 5.0, 60.0, 70.0]]),
        }
    ]
    with torch.no_grad():
        wanted, given = (
            network(batch, multimask_output=True)[0]["low_res_logits"] for network in (original, loaded)
        )
    assert torch.equal(wanted, given)


def test_everybody_is_prompted_by_a_box(checkpoint, people, asked):
    with open_segmenter("sam", checkpoint) as segmenter:
        answer = segmenter.probability(PHOTO)
    assert (answer.shape, answer.dtype) == ((80, 120), np.float32)
    assert 0 <= answer.min() < answer.max() <= 1
    assert [prompt["point_coords"] for prompt in asked] == [None, None]
    boxes = sorted(prompt["box"].tolist() for prompt in asked)
    assert [
        box[0] < left and right < box[2]
        for box, (left, right) in zip(boxes, [(10, 40), (70, 100)], strict=True)
    ] == [True] * 2


def test_a_point_is_prompted_with_the_box_of_the_person_there(checkpoint, people, asked):
    with SamSegmenter(checkpoint) as segmenter:
        segmenter.probability(PHOTO, at=[(85, 50)])
    (prompt,) = asked
    assert prompt["point_coords"].tolist() == [[85, 50]]
    assert 60 < prompt["box"][0] < 70


def test_a_point_on_nobody_that_mediapipe_knows_is_a_prompt_of_its_own(checkpoint, people, asked):
    with SamSegmenter(checkpoint) as segmenter:
        segmenter.probability(PHOTO, at=[(55, 5)])
    (prompt,) = asked
    assert prompt["box"] is None
    assert prompt["multimask_output"]


def test_nobody_to_prompt_with_is_an_error(checkpoint, monkeypatch):
    monkeypatch.setattr(
        MediapipeSegmenter, "probability", lambda self, rgb, at=(): np.zeros((80, 120), np.float32)
    )
    with SamSegmenter(checkpoint) as segmenter, pytest.raises(UserError, match="no person was found"):
        segmenter.probability(PHOTO)


def test_a_point_outside_the_photo_is_an_error(checkpoint, people):
    with SamSegmenter(checkpoint) as segmenter, pytest.raises(UserError, match="outside the photo"):
        segmenter.probability(PHOTO, at=[(120, 5)])


@pytest.mark.parametrize("name", [None, "missing.pth"])
def test_a_missing_checkpoint_names_the_official_one_and_its_place(name, tmp_path, monkeypatch):
    monkeypatch.setattr(sam, "MODELS_FOLDER", tmp_path)
    with pytest.raises(UserError, match=r"sam_vit_b_01ec64\.pth.*assets/models.*--sam-checkpoint") as caught:
        open_segmenter("sam", tmp_path / name if name else None)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_in_its_place_is_found_without_an_option(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr(sam, "MODELS_FOLDER", tmp_path)
    checkpoint.rename(tmp_path / "sam_vit_b_01ec64.pth")
    with open_segmenter("sam") as segmenter:
        assert isinstance(segmenter, SamSegmenter)


@pytest.mark.parametrize(
    "content", [b"", b"not a checkpoint", None, {"image_encoder.pos_embed": torch.zeros(1)}]
)
def test_a_file_that_is_no_checkpoint_is_an_error(content, tmp_path):
    path = tmp_path / "other.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(UserError, match="not a SAM checkpoint"):
        open_segmenter("sam", path)
