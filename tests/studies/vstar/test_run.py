import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from safetensors.torch import load_file, save_file
from tests.studies.vstar.questions import live_model, write_questions

from polyscale.errors import InputError, RunError
from polyscale.language.scoring import Query, image_features, score_letters, score_options
from polyscale.records import Answer
from polyscale.report import write_report
from polyscale.report.read import read_run
from polyscale.stats import answer_of
from polyscale.studies.vstar import VstarSettings, plan_vstar, run_vstar
from polyscale.studies.vstar.journal import open_journal


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_questions(tmp_path_factory.mktemp("vstar"))


@pytest.fixture(scope="module")
def model():
    return live_model()


def plan(model, folder, name="tiny", **settings):
    return plan_vstar(model, str(folder), VstarSettings(device="cpu", **settings), name=name)


def contents(run):
    """The files of a run, without what tells when it was made."""
    row = json.loads((run / "results.json").read_text())[0]
    del row["settings"]["date"]
    tables = [pq.read_table(run / f"{name}.parquet") for name in ("answers", "questions")]
    return row, [table.to_pylist() for table in tables]


@pytest.mark.parametrize("protocol", ["likelihood", "letters"])
def test_a_run_holds_what_scoring_says(model, folder, tmp_path, protocol):
    asked = plan(model, folder, protocol=protocol)
    run_vstar(asked, tmp_path / "run")
    row, (answers, _) = contents(tmp_path / "run")
    right, test = [], asked.data.test
    for index, (question, answer) in enumerate(zip(test.questions, answers, strict=True)):
        query = Query(question=question.text, options=question.options, picture=test.read(index))
        score = score_options if protocol == "likelihood" else score_letters
        losses = score(*model, [query])[0]
        trials = [losses] if protocol == "likelihood" else list(losses)
        assert len(trials) == (1 if protocol == "likelihood" else len(question.options))
        assert answer["losses"] == [list(trial) for trial in trials]
        option, share = answer_of(trials)
        assert answer["correct"] == (option == 0)
        assert answer["share"] == share
        right.append(option == 0)
    assert row["value"] == np.mean(right)
    assert row["task"] == f"questions by {protocol}"
    for category in asked.data.categories:
        own = asked.data.test.in_category(category)
        assert row["scores"][category] == np.mean(np.array(right)[own])


def test_a_killed_run_goes_on_and_ends_the_same(model, folder, tmp_path, monkeypatch):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    run_vstar(plan(model, folder, batch=2), whole)

    def stop_at_5(step, done, total, unit, *, note=""):
        if "questions" in step and done > 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_vstar(plan(model, folder, batch=2), killed, progress=stop_at_5)
    (journal,) = tmp_path.glob("killed.*")
    assert not killed.exists()
    with journal.open("a") as file:
        file.write('[{"id": "cut off in the mid')  # the process died while it wrote

    told = []
    run_vstar(
        plan(model, folder, batch=2), killed, progress=lambda step, done, *_: told.append(done)
    )
    assert told[0] == 6  # nothing is asked again
    assert contents(killed) == contents(whole)
    assert not journal.exists()


def test_an_unfinished_run_of_another_model_is_refused(model, folder, tmp_path):
    def stop(step, done, *_):
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_vstar(plan(model, folder), tmp_path / "run", progress=stop)
    with pytest.raises(InputError, match=r"another run that was not finished .*weights"):
        run_vstar(plan(live_model(seed=1), folder), tmp_path / "run")
    with pytest.raises(InputError, match=r"another run that was not finished .*protocol"):
        run_vstar(plan(model, folder, protocol="letters"), tmp_path / "run")


def test_answers_that_are_not_in_their_order_are_refused(model, folder, tmp_path):
    asked = plan(model, folder)
    ids = asked.data.test.ids
    with open_journal(tmp_path / "run", asked.facts, ids) as journal:
        journal.add([Answer(id=ids[0], losses=((1.0, 2.0),))] * 2)
        with pytest.raises(RunError, match="in use by another process"):
            run_vstar(asked, tmp_path / "run")
    with pytest.raises(InputError, match="is damaged .*not to the questions in their order"):
        run_vstar(asked, tmp_path / "run")


def test_a_finished_run_is_kept_and_another_one_refused(model, folder, tmp_path):
    run = tmp_path / "run"
    run_vstar(plan(model, folder), run)
    before = (run / "results.json").stat().st_mtime_ns
    run_vstar(plan(model, folder), run)
    assert (run / "results.json").stat().st_mtime_ns == before
    with pytest.raises(InputError, match=r"holds another run \(it differs in weights\)"):
        run_vstar(plan(live_model(seed=1), folder), run)


def test_known_features_give_the_same_answers(model, folder, tmp_path):
    asked = plan(model, folder)
    pictures = [asked.data.test.pictures.read(i) for i in range(len(asked.data.test.pictures))]
    known = image_features(*model, pictures)
    run_vstar(asked, tmp_path / "tower")
    run_vstar(asked, tmp_path / "known", features=known.__getitem__)
    (tower, _), (kept, _) = (contents(tmp_path / n)[1] for n in ("tower", "known"))
    for one, other in zip(tower, kept, strict=True):
        np.testing.assert_allclose(one["losses"], other["losses"], atol=1e-4)


def test_a_blind_model_sees_no_picture(model, folder, tmp_path):
    passes = []
    hook = model[0].model.multi_modal_projector.register_forward_hook(lambda *_: passes.append(1))
    run_vstar(plan(model, folder, blind=True), tmp_path / "run")
    hook.remove()
    assert not passes
    assert all(answer["tiles"] == [] for answer in contents(tmp_path / "run")[1][0])


def test_the_report_counts_right_answers(model, folder, tmp_path):
    run = tmp_path / "run"
    run_vstar(plan(model, folder), run)
    page = write_report(run).read_text()
    read = read_run(run)
    right = sum(answer.correct for answer in read.answers["tiny@1"].values())
    assert f'data-value="{right}" data-right="all questions" data-of="tiny@1"' in page
    assert "larger vision model" not in page
    assert "training images" not in page


def test_a_model_without_numbers_is_told(folder, tmp_path):
    model, processor = live_model()
    model.lm_head.weight.data.fill_(float("nan"))
    with pytest.raises(RunError, match=r"gives no numbers for question 'direct_attributes/q0'"):
        run_vstar(plan((model, processor), folder), tmp_path / "run")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"protocol": "letter"}, r"protocol must be .* got 'letter'\. Did you mean 'letters'"),
        ({"batch": 0}, "batch must be"),
        ({"blind": 1}, "blind must be"),
    ],
)
def test_settings_that_break_a_rule_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        VstarSettings(device="cpu", **settings)


def test_a_model_folder_without_processor_is_refused(folder, tmp_path, model):
    model[0].save_pretrained(tmp_path / "model")
    with pytest.raises(InputError, match=r"folder with a processor, .* has no processor_config"):
        plan(str(tmp_path / "model"), folder)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.json").write_text('{"model_type": "llama"}')
    model[1].save_pretrained(tmp_path / "other")
    with pytest.raises(InputError, match="must be a LLaVA of transformers, but is a 'llama'"):
        plan(str(tmp_path / "other"), folder)
    with pytest.raises(InputError, match=r"model folder './nowhere' does not exist"):
        plan("./nowhere", folder)


def test_a_saved_model_answers_as_the_live_one(model, folder, tmp_path):
    for part in model:
        part.save_pretrained(tmp_path / "model")
    run_vstar(plan(model, folder), tmp_path / "live")
    run_vstar(plan(str(tmp_path / "model"), folder, name="tiny"), tmp_path / "saved")
    (live, _), (saved, _) = (contents(tmp_path / n)[1] for n in ("live", "saved"))
    assert live == saved


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"question": "Is <image> red?"}, "must not hold '<image>'"),
        ({"options": [f"It is {number}." for number in range(27)]}, "must be 2 to 26 different"),
    ],
)
def test_what_cannot_be_asked_is_refused_before_the_model_is_read(tmp_path, change, message):
    folder = write_questions(tmp_path / "data")
    file = folder / "relative_position" / "q7.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(InputError, match=message):
        plan("./nowhere", folder)


def test_weights_that_do_not_fit_are_named(model, folder, tmp_path):
    for part in model:
        part.save_pretrained(tmp_path)
    file = tmp_path / "model.safetensors"
    tensors = load_file(file)
    linear, bias = (f"multi_modal_projector.linear_1.{name}" for name in ("weight", "bias"))
    tensors[linear] = tensors[linear][:, :8].contiguous()
    del tensors[bias]
    save_file(tensors, file, {"format": "pt"})
    told = rf"{bias} is missing, .*{linear} has the shape \[32, 8\] instead of \[32, 16\]"
    with pytest.raises(InputError, match=told):
        plan(str(tmp_path), folder)
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(InputError, match=r"cannot be read .*Check the folder"):
        plan(str(tmp_path), folder)


def test_a_missing_picture_is_named(model, tmp_path):
    folder = write_questions(tmp_path / "data")
    (folder / "direct_attributes" / "q0.jpg").unlink()
    with pytest.raises(InputError, match=r"q0\.json' must have a picture"):
        plan(model, folder)
