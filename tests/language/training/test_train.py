"""Trainings of a tiny LLaVA: what is trained, what is written, and that a killed one continues."""

import json
from dataclasses import replace

import pytest
import torch
from peft import PeftModel
from tests.language.tiny_llava import CHATML, tiny_llava, tiny_processor, tiny_s2
from transformers import AutoProcessor, LlavaForConditionalGeneration

from polyscale.errors import InputError, RunError
from polyscale.features import one_process
from polyscale.language.prompts import prompt
from polyscale.language.training import LlavaTraining, train_llava
from polyscale.language.training import train as train_module

PROJECTOR = LlavaTraining(batch_size=4, epochs=2)
LORA = LlavaTraining(stage="lora", batch_size=4, epochs=2, lora_rank=4, learning_rate=1e-2)


def weights(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def changed(before, after):
    return {name for name in before if not torch.equal(before[name], after[name])}


@pytest.fixture(scope="module")
def fresh():
    def make():
        torch.manual_seed(0)
        return tiny_llava()

    return make


@pytest.mark.parametrize("settings", [PROJECTOR, LORA], ids=["projector", "lora"])
def test_a_stage_changes_its_parts_and_the_folder_loads(fresh, processor, data, settings, tmp_path):
    before = weights(fresh())
    result = train_llava(
        fresh(), processor, data, out=tmp_path / "run", settings=settings, cache=tmp_path
    )
    loaded = LlavaForConditionalGeneration.from_pretrained(result.model)
    parts = {name.split(".")[1] for name in changed(before, weights(loaded))}
    also = {"language_model"} if settings.stage == "lora" else set()
    assert parts == {"multi_modal_projector"} | also
    assert len(result.losses) == 7
    again = AutoProcessor.from_pretrained(result.model)
    assert prompt(again, "What?") == prompt(processor, "What?")
    assert any((tmp_path / "run" / "tensorboard").iterdir())
    assert not (tmp_path / "run" / "checkpoints").exists()


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # peft's own
def test_the_adapter_may_stay_apart(fresh, processor, data, tmp_path):
    merged, kept = (
        train_llava(
            fresh(),
            processor,
            data,
            out=tmp_path / str(keep),
            settings=replace(LORA, keep_adapter=keep),
            cache=tmp_path,
        )
        for keep in (False, True)
    )
    assert merged.adapter is None
    base = LlavaForConditionalGeneration.from_pretrained(kept.model)
    assert not any("language_model" in name for name in changed(weights(fresh()), weights(base)))
    joined = PeftModel.from_pretrained(base, kept.adapter).merge_and_unload()
    expected = LlavaForConditionalGeneration.from_pretrained(merged.model)
    torch.testing.assert_close(weights(joined), weights(expected))


class KilledError(Exception):
    pass


@pytest.mark.parametrize("settings", [PROJECTOR, LORA], ids=["projector", "lora"])
def test_a_killed_training_continues_as_if_it_had_not_been(
    fresh, processor, data, settings, tmp_path
):
    settings = replace(settings, save_every=2, lora_dropout=0.3)
    whole = train_llava(
        fresh(), processor, data, out=tmp_path / "whole", settings=settings, cache=tmp_path
    )

    def kill(step, done, total, unit, *, note=""):
        if done == 5:
            raise KilledError

    arguments = {"out": tmp_path / "killed", "settings": settings, "cache": tmp_path}
    with pytest.raises(KilledError):
        train_llava(fresh(), processor, data, **arguments, progress=kill)
    # what a kill in the middle of a checkpoint leaves
    (tmp_path / "killed" / "checkpoints" / "checkpoint-6").mkdir()
    told = []
    rest = train_llava(
        fresh(),
        processor,
        data,
        **arguments,
        progress=lambda *told_now, note="": told.append(told_now),
    )
    assert [done for _, done, *_ in told] == [5, 6, 7]
    assert rest.losses == whole.losses
    ours, theirs = (LlavaForConditionalGeneration.from_pretrained(r.model) for r in (rest, whole))
    assert not changed(weights(ours), weights(theirs))


def test_a_damaged_checkpoint_is_passed_over(fresh, processor, data, tmp_path):
    settings = replace(PROJECTOR, save_every=2)

    def kill(step, done, total, unit, *, note=""):
        if done == 5:
            raise KilledError

    whole = train_llava(fresh(), processor, data, out=tmp_path / "whole", settings=settings)
    with pytest.raises(KilledError):
        train_llava(
            fresh(), processor, data, out=tmp_path / "run", settings=settings, progress=kill
        )
    file = tmp_path / "run" / "checkpoints" / "checkpoint-4" / "optimizer.pt"
    file.write_bytes(file.read_bytes()[:-8] + bytes(8))
    rest = train_llava(fresh(), processor, data, out=tmp_path / "run", settings=settings)
    assert rest.losses == whole.losses


def test_an_adapter_that_was_written_before_the_kill_is_written_again(
    fresh, processor, data, tmp_path, monkeypatch
):
    settings = replace(LORA, keep_adapter=True, max_steps=1)
    with monkeypatch.context() as patch:
        patch.setattr(train_module, "without_adapter", raise_killed)
        with pytest.raises(KilledError):
            train_llava(fresh(), processor, data, out=tmp_path / "run", settings=settings)
    assert (tmp_path / "run" / "adapter").is_dir()
    assert train_llava(fresh(), processor, data, out=tmp_path / "run", settings=settings).adapter


def raise_killed(*_, **__):
    raise KilledError


def test_kept_features_give_the_same_training(fresh, processor, data, tmp_path):
    plain = train_llava(fresh(), processor, data, out=tmp_path / "plain", settings=LORA)
    kept = replace(LORA, cache_features=True)
    num_pictures = []
    for name in ("first", "again"):
        llava, seen = fresh(), []
        llava.model.vision_tower.register_forward_pre_hook(
            lambda _, arguments, seen=seen: seen.append(len(arguments[0]))
        )
        cached = train_llava(
            llava, processor, data, out=tmp_path / name, settings=kept, cache=tmp_path / "cache"
        )
        torch.testing.assert_close(cached.losses, plain.losses, rtol=1e-5, atol=0)
        num_pictures.append(sum(seen))
    assert num_pictures == [7, 1]  # one tells the shape of all


def test_kept_features_in_bf16(fresh, processor, data, tmp_path):
    """Later losses differ as those of any two orders of rounding do."""
    losses = []
    for kept in (False, True):
        settings = replace(LORA, precision="bf16", cache_features=kept, max_steps=1)
        trained = train_llava(
            fresh(), processor, data, out=tmp_path / str(kept), settings=settings, cache=tmp_path
        )
        losses.append(trained.losses)
    torch.testing.assert_close(*losses, rtol=torch.finfo(torch.bfloat16).eps, atol=0)


def test_a_finished_training_is_read(fresh, processor, data, tmp_path):
    settings = replace(PROJECTOR, max_steps=1)
    first = train_llava(fresh(), processor, data, out=tmp_path / "run", settings=settings)
    written = (first.model / "model.safetensors").stat().st_mtime_ns
    more = replace(settings, workers=1, save_every=7)  # which change no result
    assert train_llava(fresh(), processor, data, out=tmp_path / "run", settings=more) == first
    assert (first.model / "model.safetensors").stat().st_mtime_ns == written


def test_another_training_in_the_folder_is_named(fresh, processor, data, tmp_path):
    settings = replace(PROJECTOR, max_steps=1)
    out = tmp_path / "run"
    train_llava(fresh(), processor, data, out=out, settings=settings)
    with pytest.raises(InputError, match="holds another: batch_size is 4 there and 2 here. Choose"):
        train_llava(fresh(), processor, data, out=out, settings=replace(settings, batch_size=2))
    torch.manual_seed(1)
    with pytest.raises(InputError, match="holds another: model is .* there and .* here"):
        train_llava(tiny_llava(), processor, data, out=out, settings=settings)
    other = tiny_processor(chat_template=CHATML.replace("user", "human"))
    other.chat_template = CHATML + " "
    with pytest.raises(InputError, match="holds another: processor is"):
        train_llava(fresh(), other, data, out=out, settings=settings)


def test_folders_that_cannot_be_used(fresh, processor, data, tmp_path, monkeypatch):
    settings = replace(PROJECTOR, max_steps=1)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="out must be a folder"):
        train_llava(fresh(), processor, data, out=tmp_path / "file", settings=settings)
    with pytest.raises(InputError, match="holds other files"):
        train_llava(fresh(), processor, data, out=tmp_path, settings=settings)
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    for content in ("{", "[3]"):
        (damaged / "training.json").write_text(content)
        with pytest.raises(InputError, match="holds a damaged training.json"):
            train_llava(fresh(), processor, data, out=damaged, settings=settings)
    (tmp_path / "busy").mkdir()
    in_use = pytest.raises(RunError, match="in use by another process")
    with one_process(tmp_path / "busy"), in_use:
        train_llava(fresh(), processor, data, out=tmp_path / "busy", settings=settings)
    trained = train_llava(fresh(), processor, data, out=tmp_path / "busy", settings=settings)
    trained.model.with_name("losses.json").write_text("[")
    with pytest.raises(InputError, match="holds a damaged losses.json"):
        train_llava(fresh(), processor, data, out=tmp_path / "busy", settings=settings)
    monkeypatch.setattr(train_module, "_bytes_needed", lambda *_: 10**18)
    with pytest.raises(RunError, match="needs 1000000000.0 GB, but only .* GB are free"):
        train_llava(fresh(), processor, data, out=tmp_path / "new", settings=settings)


def test_checkpoints_need_no_more_room_than_is_asked_for(fresh, processor, data, tmp_path):
    sizes = []

    def measure(*_, **__):
        files = (tmp_path / "run" / "checkpoints").rglob("*.*")
        sizes.append(sum(f.stat().st_size for f in files if f.suffix in {".safetensors", ".pt"}))

    settings = replace(LORA, lora_rank=64, save_every=1)
    train_llava(fresh(), processor, data, out=tmp_path / "run", settings=settings, progress=measure)
    model = sum(p.numel() * p.element_size() for p in fresh().parameters())
    needed = train_module._bytes_needed(fresh(), settings)
    assert model + max(sizes) < needed < 2 * (model + max(sizes))


def test_a_processor_that_counts_other_tokens_is_refused_before_training(data, tmp_path):
    llava, processor = tiny_s2()
    processor.patch_size = 8
    with pytest.raises(InputError, match="patch_size of the processor must be 16"):
        train_llava(llava, processor, data, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_what_this_machine_or_model_cannot_do(fresh, processor, data, tmp_path):
    eager = fresh()
    eager.set_attn_implementation("eager")
    with pytest.raises(InputError, match="questions must be 1 for attention 'eager'"):
        train_llava(
            eager, processor, data, out=tmp_path / "a", settings=replace(PROJECTOR, questions=2)
        )
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match="precision must be fp32 or bf16 without a GPU"):
            train_llava(
                fresh(),
                processor,
                data,
                out=tmp_path / "b",
                settings=LlavaTraining(precision="fp16"),
            )


def test_checkpointed_layers_give_the_same_training(fresh, processor, data, tmp_path):
    first, second = (
        train_llava(fresh(), processor, data, out=tmp_path / str(on), settings=settings)
        for on, settings in ((on, replace(LORA, checkpoint_layers=on)) for on in (False, True))
    )
    torch.testing.assert_close(first.losses, second.losses)


def test_bf16_and_shared_pictures_learn(fresh, processor, data, tmp_path):
    settings = replace(LORA, precision="bf16", questions=2, epochs=16, accumulate=2, workers=1)
    result = train_llava(fresh(), processor, data, out=tmp_path / "run", settings=settings)
    assert sum(result.losses[-4:]) < 0.8 * sum(result.losses[:4])
    assert json.loads((tmp_path / "run" / "losses.json").read_text()) == list(result.losses)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_a_gpu_learns_as_well(fresh, processor, data, tmp_path, precision):
    settings = replace(LORA, precision=precision, questions=2, epochs=16, accumulate=2)
    losses = train_llava(fresh().cuda(), processor, data, out=tmp_path, settings=settings).losses
    assert sum(losses[-4:]) < 0.8 * sum(losses[:4])
