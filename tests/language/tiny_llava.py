"""A tiny LLaVA of stock classes with random weights, and its processor."""

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    CLIPImageProcessor,
    CLIPVisionConfig,
    CLIPVisionModel,
    LlamaConfig,
    LlamaForCausalLM,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)

from polyscale.language import make_llava
from polyscale.operator.backbones import ReadOptions, as_backbone

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""The template of SmolLM2: content is text."""

LISTS = (
    "{% for m in messages %}{{ m['role'] | upper }}: "
    "{% for p in m['content'] | selectattr('type', 'equalto', 'image') %}<image>\n{% endfor %}"
    "{% for p in m['content'] | selectattr('type', 'equalto', 'text') %}{{ p['text'] }} "
    "{% endfor %}{% endfor %}{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)
"""That of llava-hf: content is a list, and a turn has no end token."""

SPECIAL = ["<s>", "</s>", "<pad>", "<image>", "<|im_start|>", "<|im_end|>"]
TEXTS = ["What is the colour of the bag? The bag is red. The bag is blue. A. B. C. D. USER:"] * 2


def tiny_tokenizer(*, begins=True, chat_template=None):
    """A byte-level tokenizer of a few merges, which puts `<s>` before a text if it `begins`."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=320, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    if begins:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<s> $A", special_tokens=[("<s>", 0)]
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        **dict(zip(("bos_token", "eos_token", "pad_token"), SPECIAL, strict=False)),
        additional_special_tokens=SPECIAL[3:],
        chat_template=chat_template,
    )


def tiny_processor(*, chat_template=None, processor_template=None, **options):
    return LlavaProcessor(
        image_processor=CLIPImageProcessor(
            size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
        ),
        tokenizer=tiny_tokenizer(chat_template=chat_template, **options),
        patch_size=8,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=processor_template,
    )


def tiny_vision():
    return CLIPVisionConfig(
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=32,
        patch_size=8,
        projection_dim=16,
    )


def tiny_language(kind=LlamaConfig, **text):
    return kind(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        vocab_size=320,
        initializer_range=0.2,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=2,
        **text,
    )


def tiny_llava(kind=LlamaConfig, **text):
    """16 image tokens, two layers of a language model of this kind."""
    config = LlavaConfig(
        vision_config=tiny_vision(), text_config=tiny_language(kind, **text), image_token_id=3
    )
    return LlavaForConditionalGeneration(config).eval()


def tiny_s2(scales=(1, 2), **options):
    """The same with a vision tower of several scales, and its processor."""
    reading = ReadOptions(mean=(0.5,) * 3, std=(0.25,) * 3)
    return make_llava(
        vision=as_backbone(CLIPVisionModel(tiny_vision()).eval(), reading),
        language=(LlamaForCausalLM(tiny_language()), tiny_tokenizer()),
        scales=scales,
        **options,
    )
