import pytest
import transformers
from transformers import LlavaConfig

from polyscale.errors import InputError
from polyscale.language import S2VisionConfig

SMALL = {
    "hidden_size": 8,
    "intermediate_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "patch_size": 8,
}


def config_of(kind, **options):
    return getattr(transformers, kind)(**{**SMALL, "image_size": 32, **options})


@pytest.mark.parametrize(
    ("kind", "options", "has_class_token"),
    [
        ("CLIPVisionConfig", {}, True),
        ("SiglipVisionConfig", {}, False),
        ("Siglip2VisionConfig", {"num_patches": 16}, False),
        ("Dinov2Config", {}, True),
        ("Dinov2WithRegistersConfig", {}, True),
        ("DINOv3ViTConfig", {"num_register_tokens": 4}, True),
        ("ViTConfig", {}, True),
    ],
)
def test_the_backbone_says_what_it_gives(kind, options, has_class_token):
    config = S2VisionConfig(backbone_config=config_of(kind, **options), scales=[1, 3])
    assert (config.hidden_size, config.num_hidden_layers) == (16, 3)
    assert (config.image_size, config.patch_size, config.grid_size) == (96, 24, 4)
    assert (config.has_class_token, config.has_stages) == (has_class_token, False)


def test_a_convolutional_network_has_stages():
    pytest.importorskip("timm")
    backbone = transformers.TimmWrapperConfig(architecture="test_efficientnet")
    config = S2VisionConfig(backbone_config=backbone, scales=[1, 2])
    assert config.has_stages
    assert not config.has_class_token
    assert config.image_size // config.patch_size == config.grid_size == 5


def test_sizes_in_pixels_are_scales():
    config = S2VisionConfig(backbone_config=config_of("CLIPVisionConfig"), sizes=[32, 64, 96])
    assert config.scales == [1, 2, 3]


def test_another_tile_is_taken_where_the_model_takes_it():
    backbone = config_of("CLIPVisionConfig")
    config = S2VisionConfig(backbone_config=backbone, scales=[1], tile_size=64)
    assert (config.image_size, config.grid_size, config.patch_size) == (64, 8, 8)


@pytest.mark.parametrize("merge", ["add", "mean"])
def test_merged_scales_have_the_width_of_one(merge):
    config = S2VisionConfig(
        backbone_config=config_of("CLIPVisionConfig"), scales=[1, 2], merge=merge
    )
    assert config.hidden_size == 8


def test_it_survives_a_file_within_that_of_llava(tmp_path):
    config = S2VisionConfig(
        backbone_config=config_of("CLIPVisionConfig"),
        scales=[1, 2],
        image_mode="keep",
        operator={"tile_batch": 4},
    )
    LlavaConfig(vision_config=config).save_pretrained(tmp_path)
    loaded = LlavaConfig.from_pretrained(tmp_path).vision_config
    assert loaded.to_dict() == config.to_dict()
    assert loaded.multiscale() == config.multiscale()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_mode": "resize"}, "image_mode must be one of crop, pad, squash, keep, dynamic"),
        ({"scales": [1], "sizes": [32]}, "give either scales or sizes"),
        ({"scales": [0]}, "scales must be"),
        ({"merge": "sum"}, "merge must be one of concat, add, mean, but got 'sum'"),
        ({"frozen": 1}, "frozen must be True or False"),
        ({"tile_size": 1.5}, "tile_size must be a whole number of at least 1"),
        ({"operator": {"prefix": "none"}}, "operator must hold other choices.*but holds prefix"),
        ({"operator": {"tile_bach": 1}}, "tile_bach is not an option of the operator"),
    ],
)
def test_bad_choices_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        S2VisionConfig(backbone_config=config_of("CLIPVisionConfig"), **options)


def test_tiles_that_are_no_whole_cells_cannot_follow_a_picture():
    pytest.importorskip("timm")
    backbone = transformers.TimmWrapperConfig(architecture="test_efficientnet")
    with pytest.raises(InputError, match="image_mode must not be 'dynamic' for tiles of 152 px"):
        S2VisionConfig(backbone_config=backbone, image_mode="dynamic", tile_size=152)
