"""Tiny models of each family, with what their adapter must say of them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import open_clip
import pytest
import timm
import torch
import torchvision
import transformers as hf
from torch import nn

VIT = {
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "image_size": 32,
    "patch_size": 8,
}
DINO2 = {k: v for k, v in VIT.items() if k != "intermediate_size"}
STAGES = {"hidden_sizes": [8, 8, 16, 32], "depths": [1, 1, 1, 1]}
TEXT = {"vocab_size": 50, "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
TEXT |= {"intermediate_size": 32, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
SWIN = {"image_size": 64, "embed_dim": 8, "depths": [1, 1, 1], "num_heads": [1, 1, 1]}
TIMM_SWIN = {"embed_dim": 8, "depths": (1, 1, 1, 1), "num_heads": (1, 1, 1, 1)}
OPEN_CLIP_VIT = {"image_size": 32, "patch_size": 8, "width": 32, "layers": 3, "head_width": 16}
OPEN_CLIP_TEXT = {"context_length": 8, "vocab_size": 64, "width": 32, "heads": 2, "layers": 1}


@dataclass(frozen=True)
class Case:
    """A tiny model.

    Attributes:
        build: makes it, with random weights.
        raw: (model, tiles) → its features by its own library, as tokens or as a map.
        tile, grid, dim, prefix, cls, fixed: what a `Backbone` says of it.
        options: that `wrap` needs.
        takes: which tiles it takes: "any", "larger" ones than its own, or its "own" alone.
        channels: of an image.
        layers: whether layers can be chosen.
        norm: whether the final norm can be left out.
    """

    build: Callable[[], Any]
    raw: Callable[[Any, torch.Tensor], torch.Tensor]
    tile: int
    grid: int
    dim: int
    prefix: int = 0
    cls: bool = False
    fixed: bool = False
    options: dict[str, Any] = field(default_factory=dict)
    layers: bool = False
    norm: bool = False
    takes: str = "any"
    channels: int = 3


def hf_case(
    build, prefix=0, *, tile=32, grid=4, dim=32, raw=None, layers=True, since=None, **facts
) -> Case:
    """A case that is skipped where transformers is older than `since`."""

    def last_hidden_state(model, tiles):
        return model(pixel_values=tiles).last_hidden_state

    def built():
        pytest.importorskip("transformers", minversion=since)
        return build()

    read = raw or last_hidden_state
    return Case(built, read, tile, grid, dim, prefix, layers=layers, **facts)


def features_of(model, tiles):
    return model.forward_features(tiles)


def timm_case(name, tile, grid, dim, prefix=0, raw=features_of, **facts) -> Case:
    options = {"img_size": tile} if facts.pop("sized", False) else {}
    options |= {"in_chans": facts.get("channels", 3)} | facts.pop("more", {})
    return Case(lambda: timm.create_model(name, **options), raw, tile, grid, dim, prefix, **facts)


def clip_config():
    return hf.CLIPConfig(vision_config=VIT, text_config=TEXT)


def siglip2_tokens(model, tiles):
    """Packed with an explicit loop over the cells."""
    rows = [
        tiles[:, :, y : y + 8, x : x + 8].permute(0, 2, 3, 1).flatten(1)
        for y in range(0, 32, 8)
        for x in range(0, 32, 8)
    ]
    num = len(tiles)
    return model(
        pixel_values=torch.stack(rows, dim=1),
        pixel_attention_mask=torch.ones(num, 16, dtype=torch.long),
        spatial_shapes=torch.tensor([[4, 4]] * num),
    ).last_hidden_state


def pixtral_tokens(model, tiles):
    """One tile after the other, as it puts several in one row."""
    return torch.cat([model(pixel_values=tile[None]).last_hidden_state for tile in tiles])


def idefics2():
    resampler = {"hidden_size": 32, "resampler_n_latents": 4, "resampler_depth": 1}
    resampler |= {"resampler_n_heads": 2, "resampler_head_dim": 16, "num_key_value_heads": 1}
    text = {"model_type": "mistral", "num_key_value_heads": 1, **TEXT}
    return hf.Idefics2Model(
        hf.Idefics2Config(vision_config=VIT, perceiver_config=resampler, text_config=text)
    )


def smolvlm(name):
    config = getattr(hf, f"{name}Config")
    text = {"model_type": "llama", "num_key_value_heads": 1, **TEXT}
    return getattr(hf, f"{name}Model")(config(vision_config=VIT, text_config=text, scale_factor=2))


def vision_model_tokens(model, tiles):
    return model.vision_model(pixel_values=tiles).last_hidden_state


def backbone_map(model, tiles):
    return model(tiles).feature_maps[-1]


TRANSFORMERS = {
    "hf CLIP": hf_case(
        lambda: hf.CLIPVisionModel(hf.CLIPVisionConfig(**VIT)), 1, cls=True, fixed=True
    ),
    "hf CLIP with text": hf_case(
        lambda: hf.CLIPModel(clip_config()),
        1,
        raw=lambda m, t: m.vision_model(t).last_hidden_state,
        cls=True,
        fixed=True,
    ),
    "hf OWL-ViT": hf_case(
        lambda: hf.OwlViTModel(hf.OwlViTConfig(vision_config=VIT, text_config=TEXT)),
        1,
        raw=vision_model_tokens,
        cls=True,
        fixed=True,
    ),
    "hf OWLv2": hf_case(
        lambda: hf.Owlv2VisionModel(hf.Owlv2VisionConfig(**VIT)), 1, cls=True, fixed=True
    ),
    "hf Idefics2": hf_case(idefics2, raw=vision_model_tokens, norm=True),
    "hf Idefics3": hf_case(lambda: smolvlm("Idefics3"), raw=vision_model_tokens, norm=True),
    "hf SmolVLM": hf_case(
        lambda: smolvlm("SmolVLM"), raw=vision_model_tokens, norm=True, since="4.50"
    ),
    "hf AIMv2": hf_case(
        lambda: hf.Aimv2VisionModel(hf.Aimv2VisionConfig(**VIT)),
        fixed=True,
        norm=True,
        since="4.54",
    ),
    "hf Pixtral": hf_case(
        lambda: hf.PixtralVisionModel(hf.PixtralVisionConfig(**VIT)),
        raw=pixtral_tokens,
        since="4.50",  # before, it took a list of images
    ),
    "hf RADIO": hf_case(
        lambda: hf.RadioModel(hf.RadioConfig(mlp_ratio=2.0, max_img_size=64, **DINO2)),
        10,
        cls=True,
        since="5.13",
    ),
    "hf ViT, five channels": hf_case(
        lambda: hf.ViTModel(hf.ViTConfig(num_channels=5, **VIT)),
        1,
        cls=True,
        fixed=True,
        norm=True,
        channels=5,
    ),
    "hf SigLIP": hf_case(
        lambda: hf.SiglipVisionModel(hf.SiglipVisionConfig(**VIT)), fixed=True, norm=True
    ),
    "hf SigLIP 2, packed": hf_case(
        lambda: hf.Siglip2VisionModel(
            hf.Siglip2VisionConfig(
                num_patches=16, **{k: v for k, v in VIT.items() if k != "image_size"}
            )
        ),
        raw=siglip2_tokens,
        since="4.50",
        norm=True,
    ),
    "hf DINOv2": hf_case(lambda: hf.Dinov2Model(hf.Dinov2Config(**DINO2)), 1, cls=True, norm=True),
    "hf DINOv2 with registers": hf_case(
        lambda: hf.Dinov2WithRegistersModel(hf.Dinov2WithRegistersConfig(**DINO2)),
        5,
        cls=True,
        norm=True,
    ),
    "hf DINOv3": hf_case(
        lambda: hf.DINOv3ViTModel(hf.DINOv3ViTConfig(num_register_tokens=4, **VIT)),
        5,
        since="4.56",
        cls=True,
        norm=True,
    ),
    "hf DINOv3 ConvNeXt": hf_case(
        lambda: hf.DINOv3ConvNextModel(hf.DINOv3ConvNextConfig(image_size=64, **STAGES)),
        1,
        tile=64,
        grid=2,
        cls=True,
        layers=False,  # inside it has no token for the mean
        since="4.56",
        norm=True,
    ),
    "hf ViT": hf_case(lambda: hf.ViTModel(hf.ViTConfig(**VIT)), 1, cls=True, fixed=True, norm=True),
    "hf ViT with classifier": hf_case(
        lambda: hf.ViTForImageClassification(hf.ViTConfig(**VIT)),
        1,
        raw=lambda m, t: m.vit(t).last_hidden_state,
        cls=True,
        fixed=True,
        norm=True,
    ),
    "hf DeiT": hf_case(
        lambda: hf.DeiTModel(hf.DeiTConfig(**VIT)), 2, cls=True, fixed=True, norm=True
    ),
    "hf ConvNeXt": hf_case(
        lambda: hf.ConvNextModel(hf.ConvNextConfig(image_size=64, **STAGES)), tile=64, grid=2
    ),
    "hf ResNet": hf_case(
        lambda: hf.ResNetModel(hf.ResNetConfig(embedding_size=8, **STAGES)),
        tile=64,
        grid=2,
        options={"tile_hw": (64, 64)},
    ),
    "hf Swin": hf_case(
        lambda: hf.SwinModel(hf.SwinConfig(window_size=4, **SWIN)),
        tile=64,
        norm=True,
        takes="larger",
    ),
    "hf AutoBackbone": hf_case(
        lambda: hf.AutoBackbone.from_config(hf.Dinov2Config(**DINO2)), raw=backbone_map
    ),
    "hf AutoBackbone, ConvNeXt": hf_case(
        lambda: hf.AutoBackbone.from_config(hf.ConvNextConfig(image_size=64, **STAGES)),
        raw=backbone_map,
        tile=64,
        grid=2,
    ),
    "hf AutoBackbone of timm": hf_case(
        lambda: hf.TimmBackbone(
            hf.TimmBackboneConfig(backbone="test_resnet", use_pretrained_backbone=False)
        ),
        raw=backbone_map,
        tile=160,
        grid=5,
        dim=96,
    ),
    "hf timm": hf_case(
        lambda: hf.TimmWrapperModel(hf.TimmWrapperConfig(architecture="test_vit")),
        1,
        tile=160,
        grid=10,
        dim=64,
        cls=True,
        norm=True,
    ),
}

TIMM = {
    "timm ViT": timm_case("test_vit", 160, 10, 64, 1, cls=True, layers=True, norm=True),
    "timm hybrid": timm_case(
        "vit_tiny_r_s16_p8_224", 64, 2, 192, 1, sized=True, cls=True, fixed=True, layers=True,
        norm=True, more={"depth": 2},
    ),
    "timm registers": timm_case(
        "vit_wee_patch16_reg1_gap_256", 64, 4, 256, 1, sized=True, fixed=True, layers=True,
        more={"depth": 2},
    ),
    "timm DINOv3": timm_case(
        "vit_small_patch16_dinov3", 32, 2, 384, 5, sized=True, cls=True, layers=True, norm=True,
        more={"depth": 2},
    ),
    "timm ConvNeXt": timm_case("test_convnext", 160, 5, 64, layers=True),
    "timm ResNet": timm_case("test_resnet", 160, 5, 96, layers=True),
    "timm EfficientNet": timm_case("test_efficientnet", 160, 5, 256),
    "timm Swin": timm_case(
        "swin_tiny_patch4_window7_224", 224, 7, 64, fixed=True, norm=True, layers=True,
        raw=lambda m, t: features_of(m, t).movedim(3, 1), more=TIMM_SWIN,
    ),
    "timm ViT, one channel": timm_case(
        "test_vit", 160, 10, 64, 1, cls=True, layers=True, norm=True, channels=1
    ),
    "timm ResNet, five channels": timm_case(
        "test_resnet", 160, 5, 96, layers=True, channels=5
    ),
    "timm ViT, any size": timm_case(
        "vit_tiny_patch16_224", 64, 4, 192, 1, sized=True, cls=True, layers=True, norm=True,
        more={"dynamic_img_size": True, "depth": 2},
    ),
    "timm NaFlex": timm_case(
        "naflexvit_base_patch16_gap", 384, 24, 64, 4, layers=True,
        more={"embed_dim": 64, "depth": 2, "num_heads": 2},
    ),
    "timm PiT": timm_case(
        "pit_ti_224", 224, 7, 256, options={"layers": -1}, takes="own", norm=False,
        raw=lambda m, t: m.forward_intermediates(t, intermediates_only=True)[-1],
    ),
    "timm VOLO": timm_case(
        "volo_d1_224", 64, 4, 384, 1, sized=True, cls=True, takes="own", norm=True,
        options={"tile_hw": (64, 64)},
    ),
    "timm Hiera": timm_case(
        "hiera_tiny_224", 224, 7, 64, takes="own", layers=True,
        more={"embed_dim": 8, "stages": (1, 1, 1, 1), "num_heads": 1},
        raw=lambda m, t: m.forward_intermediates(t, intermediates_only=True)[-1],
    ),
    "timm features_only": timm_case(
        "test_resnet", 160, 5, 96, layers=True, more={"features_only": True},
        raw=lambda m, t: m(t)[-1],
    ),
    "timm Swin, features_only": timm_case(
        "swin_tiny_patch4_window7_224", 224, 7, 64, fixed=True, layers=True,
        more={"features_only": True, **TIMM_SWIN}, raw=lambda m, t: m(t)[-1].movedim(3, 1),
    ),
    "timm PVT, hierarchical": timm_case(
        "pvt_v2_b0", 224, 7, 16, layers=True,
        more={"embed_dims": (8, 8, 16, 16), "num_heads": (1, 1, 2, 2), "depths": (1, 1, 1, 1)},
    ),
}  # fmt: skip


def open_clip_tokens(model, tiles):
    """open_clip's own token output, after its class token."""
    visual = model.visual
    visual.output_tokens, before = True, visual.output_tokens
    try:
        _, tokens = visual(tiles)
    finally:
        visual.output_tokens = before
    return torch.cat([torch.full_like(tokens[:, :1], torch.nan), tokens], dim=1)


def open_clip_map(model, tiles):
    seen = []
    hook = model.visual.layer4.register_forward_hook(lambda *args: seen.append(args[2]))
    model.visual(tiles)
    hook.remove()
    return seen[0]


OPEN_CLIP = {
    "open_clip ViT": Case(
        lambda: open_clip.CLIP(16, OPEN_CLIP_VIT, OPEN_CLIP_TEXT),
        open_clip_tokens,
        32, 4, 32, 1, cls=True, fixed=True, layers=True, norm=True,
    ),
    "open_clip ResNet": Case(
        lambda: open_clip.CLIP(
            16,
            {"image_size": 64, "layers": (1, 1, 1, 1), "width": 8, "head_width": 16},
            OPEN_CLIP_TEXT,
        ),
        open_clip_map,
        64, 2, 256, layers=True,
    ),
    "open_clip timm": Case(
        lambda: open_clip.CustomTextCLIP(
            16, {"timm_model_name": "test_vit", "timm_pool": "", "image_size": 160}, OPEN_CLIP_TEXT
        ),
        lambda m, t: m.visual.trunk.forward_features(t),
        160, 10, 64, 1, cls=True, layers=True, norm=True,
    ),
}  # fmt: skip


def before(head):
    """The input of the part of a torchvision model where positions end."""

    def raw(model, tiles):
        seen = []
        part = model.get_submodule(head)
        hook = part.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
        model(tiles)
        hook.remove()
        return seen[0]

    return raw


def torchvision_vit():
    return torchvision.models.VisionTransformer(32, 8, 2, 2, 32, 64)


def torchvision_vit_tokens(model, tiles):
    seen = []
    hook = model.encoder.register_forward_hook(lambda *args: seen.append(args[2]))
    model(tiles)
    hook.remove()
    return seen[0]


SIZED = {"options": {"tile_hw": (64, 64)}}
TORCHVISION = {
    "torchvision ResNet": Case(
        torchvision.models.resnet18, before("avgpool"), 64, 2, 512, **SIZED
    ),
    "torchvision MobileNet": Case(
        torchvision.models.mobilenet_v3_small, before("avgpool"), 64, 2, 576, **SIZED
    ),
    "torchvision SqueezeNet": Case(
        torchvision.models.squeezenet1_1, before("classifier"), 64, 3, 512, **SIZED
    ),
    "torchvision Swin": Case(
        lambda: torchvision.models.SwinTransformer([4, 4], 8, [1, 1], [1, 1], [4, 4]),
        before("avgpool"), 64, 8, 16, **SIZED,
    ),
    "torchvision ViT": Case(
        torchvision_vit, torchvision_vit_tokens, 32, 4, 32, 1, cls=True, fixed=True
    ),
}  # fmt: skip


class Patches(nn.Module):
    """Patch tokens that see the whole tile, after prefix tokens, in the form that is asked for."""

    def __init__(self, num_prefix=0, form=lambda tokens: tokens):
        super().__init__()
        self.patches = nn.Conv2d(3, 6, 8, 8)
        self.num_prefix = num_prefix
        self.form = form

    def tokens(self, tiles):
        tokens = self.patches(tiles).flatten(2).transpose(1, 2)
        context = tokens.mean(dim=1, keepdim=True)
        return torch.cat([*(context * (i + 2) for i in range(self.num_prefix)), tokens], dim=1)

    def forward(self, tiles):
        return self.form(self.tokens(tiles))


def patches_case(prefix, form, **options) -> Case:
    return Case(
        lambda: Patches(prefix, form),
        lambda m, t: m.tokens(t),
        32, 4, 6, prefix, cls=prefix > 0, options={"tile_hw": (32, 32), **options},
    )  # fmt: skip


def as_map(tokens):
    side = round(tokens.shape[1] ** 0.5)
    return tokens.unflatten(1, (side, side)).permute(0, 3, 1, 2)


CALLABLES = {
    "tokens": patches_case(1, lambda t: t),
    "tokens and registers": patches_case(5, lambda t: t),
    "tokens, prefix given": patches_case(2, lambda t: t, num_prefix=2),
    "map": patches_case(0, as_map),
    "map, channels last": patches_case(0, lambda t: as_map(t).movedim(1, -1), channels_last=True),
    "dict": patches_case(1, lambda t: {"pooled": t[:, 0], "last_hidden_state": t}),
    "tuple": patches_case(1, lambda t: (t[:, 0], t)),
    "tuple, chosen": patches_case(1, lambda t: (2 * t, t), output=-1),
    "ModelOutput": patches_case(1, lambda t: hf.modeling_outputs.BaseModelOutput(t)),
}
CASES = TRANSFORMERS | TIMM | OPEN_CLIP | TORCHVISION | CALLABLES
