from dataclasses import replace

from polyscale.report.sections.candidates import best_scores, candidates_section, head_columns


def test_a_head_that_all_share_has_no_column_and_others_have_one(depth):
    other = replace(depth.results[0], probe=depth.results[0].probe | {"head": "dpt"})
    assert head_columns(depth.results)[0][0] == "params"
    assert head_columns([other, *depth.results[1:]])[0][0] == "head"


def test_facts_about_heads_are_free_in_form(depth):
    """They are shown, not counted with: what is no number stays as it is."""
    strange = replace(depth.results[0], probe={"params": 3, "loss": "<none>", "steps": None})
    html = candidates_section(replace(depth, results=(strange, *depth.results[1:])))
    assert "&lt;none&gt;" in html


def test_the_best_of_each_metric_is_by_its_own_direction(depth):
    best = best_scores(depth)
    assert list(best) == [metric.key for metric in depth.task.scores]
    assert best["abs_rel"] == min(r.scores["abs_rel"] for r in depth.results)
    assert best["delta1"] == max(r.scores["delta1"] for r in depth.results)


def test_what_costs_are_of_is_read_from_the_rows(run, depth):
    assert run.counted == "over all its tiles"
    assert depth.counted == "over all its tiles and views, with its head"
