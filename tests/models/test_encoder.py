"""The encoder and the one way by which images reach it."""

from pathlib import Path

import numpy as np
import pytest
import torch

from t3d.errors import DataError, UsageError
from t3d.models.encoder import (
    Encoder,
    EncoderConfig,
    build_backbone,
    build_encoder,
    resnet_settings,
    set_training,
    to_float,
    to_input,
)

SMALL = EncoderConfig(settings=resnet_settings((8, 16), (1, 1)), input_size=32)


def test_a_single_image_keeps_its_batch_axis() -> None:
    encoder = build_encoder(SMALL, 5, "none", 0).eval()
    images = torch.rand(3, 3, 32, 32)
    together = encoder(images)
    assert together.shape == (3, 5)
    assert encoder(images[:1]).shape == (1, 5)
    torch.testing.assert_close(encoder(images[:1]), together[:1])


def test_resnet18_has_its_published_size() -> None:
    encoder = build_encoder(
        EncoderConfig(settings=resnet_settings((64, 128, 256, 512), (2, 2, 2, 2))), 256, "none", 0
    )
    assert sum(p.numel() for p in encoder.backbone.parameters()) == 11_176_512
    assert encoder.to_code.weight.shape == (256, 512)


def test_features_are_the_mean_over_positions() -> None:
    encoder = build_encoder(SMALL, 5, "none", 0).eval()
    images = torch.rand(2, 3, 32, 32)
    normal = (images - encoder.mean) / encoder.deviation
    torch.testing.assert_close(encoder.features(images), encoder.backbone(normal).pooler_output.flatten(1))


def test_other_backbones_by_name() -> None:
    """A transformer gives tokens instead of a map; they are averaged."""
    settings = {
        "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16,
        "image_size": 32, "patch_size": 16,
    }  # fmt: skip
    encoder = build_encoder(EncoderConfig(backbone="vit", settings=settings, input_size=32), 5, "none", 0)
    assert encoder(torch.rand(2, 3, 32, 32)).shape == (2, 5)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("resnet", resnet_settings((8, 16), (1, 1))),
        (
            "vit",
            {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16},
        ),
        ("convnext", {"hidden_sizes": [8, 16], "depths": [1, 1], "num_stages": 2}),
        ("mobilenet_v2", {"depth_multiplier": 0.25}),
    ],
)
def test_the_name_of_the_backbone_is_honoured(name: str, settings: dict[str, object]) -> None:
    """Whatever images the encoder sees; an earlier project always built a ResNet (defect 21)."""
    network = build_backbone(EncoderConfig(backbone=name, settings=settings, input_size=48), "none", 0)
    assert network.backbone.config.model_type == name
    assert network.eval()(torch.rand(2, 3, 48, 48)).shape == (2, network.width)


def test_a_backbone_that_takes_no_images_is_told() -> None:
    settings = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    with pytest.raises(UsageError, match=r"'bert' takes no images of 32 pixels"):
        build_backbone(EncoderConfig(backbone="bert", settings=settings, input_size=32), "none", 0)


def test_pretrained_weights_of_another_backbone_are_refused(tmp_path: Path) -> None:
    build_backbone(SMALL, "none", 0).backbone.save_pretrained(tmp_path)
    with pytest.raises(UsageError, match="'resnet', not 'vit'"):
        build_backbone(EncoderConfig(backbone="vit", input_size=32), str(tmp_path), 0)


def test_fixed_norms_are_neither_used_by_the_batch_nor_changed() -> None:
    encoder, images = build_encoder(SMALL, 5, "none", 0), torch.rand(4, 3, 32, 32)
    expected = encoder.eval()(images)
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    set_training(encoder, "fixed")
    torch.testing.assert_close(encoder(images), expected)
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())
    set_training(encoder, "batch")
    assert not torch.allclose(encoder(images), expected)


def test_the_seed_decides_and_the_global_generator_is_left_alone() -> None:
    torch.manual_seed(5)
    state = torch.random.get_rng_state()
    one, same, other = (build_encoder(SMALL, 5, "none", seed).state_dict() for seed in (0, 0, 1))
    assert torch.equal(state, torch.random.get_rng_state())
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["to_code.weight"], other["to_code.weight"])


def test_measuring_the_features_leaves_batch_norm_untouched() -> None:
    encoder = build_encoder(SMALL, 5, "none", 0)
    means = [value for name, value in encoder.state_dict().items() if name.endswith("running_mean")]
    assert means
    assert all(bool((value == 0).all()) for value in means)
    assert encoder.training


def test_pretrained_weights_from_a_folder(tmp_path: Path) -> None:
    source = build_encoder(SMALL, 5, "none", 7)
    source.backbone.save_pretrained(tmp_path)
    encoder = build_encoder(EncoderConfig(input_size=32), 5, str(tmp_path), 0)
    for name, value in source.backbone.state_dict().items():
        assert torch.equal(encoder.backbone.state_dict()[name], value)
    rebuilt = Encoder(encoder.config, 5)  # from its config alone, as `network.load` does
    assert rebuilt.state_dict().keys() == encoder.state_dict().keys()
    assert rebuilt.config.settings["hidden_sizes"] == [8, 16]


def test_absent_pretrained_weights_are_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="pretrained=none") as caught:
        build_encoder(SMALL, 5, str(tmp_path / "nowhere"), 0)
    assert "\n" not in str(caught.value)


def test_an_unknown_backbone_is_told() -> None:
    with pytest.raises(UsageError, match="resnetty"):
        build_encoder(EncoderConfig(backbone="resnetty"), 5, "none", 0)


def test_to_input_averages_areas() -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    small = to_input(images, 16)
    assert small.dtype == torch.uint8
    expected = images.reshape(2, 16, 4, 16, 4, 3).mean((2, 4))
    assert (
        np.abs(small.numpy().transpose(0, 2, 3, 1) - expected).max() <= 1.0
    )  # the filter rounds once per axis
    masks = to_input(images[..., 0], 16)
    assert torch.equal(masks[:, 0], small[:, 0])


def test_to_input_leaves_images_of_the_right_size_alone() -> None:
    images = np.random.default_rng(0).integers(0, 256, (1, 16, 16, 3), dtype=np.uint8)
    assert np.array_equal(to_input(images, 16).numpy().transpose(0, 2, 3, 1), images)


@pytest.mark.parametrize(
    ("images", "reason"),
    [
        (np.zeros((1, 8, 9, 3), np.uint8), "square"),
        (np.zeros((1, 8, 8, 4), np.uint8), r"\(B, H, H, 3\)"),
        (np.zeros((8, 8), np.uint8), r"\(B, H, H, 3\)"),
        (np.zeros((1, 8, 8, 3), np.float32), "uint8"),
    ],
)
def test_other_images_are_refused(images: np.ndarray, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        to_input(images, 4)


def test_to_float() -> None:
    assert to_float(torch.tensor([0, 255], dtype=torch.uint8)).tolist() == [0.0, 1.0]
