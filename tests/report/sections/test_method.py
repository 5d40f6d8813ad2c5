from polyscale.report import method

ROWS = [{"kind": "ridge", "alpha": 0.1}, {"kind": "ridge", "alpha": 1.0, "note": "slow"}]


def test_facts_that_all_rows_share_are_told_once():
    assert method.shared_facts(ROWS) == {"kind": "ridge"}
    assert method.differing_keys(ROWS) == ["alpha", "note"]


def test_facts_are_written_on_one_line():
    assert method.fact_text({"folds": 5, "alphas": [0.1, 10.0]}) == "folds: 5; alphas: 0.1, 10"
    assert method.fact_text(True) == "yes"
    assert method.fact_text(None) == "–"
    assert method.fact_text([]) == "–"
    assert method.fact_name("num_train") == "num train"


def test_limits_name_the_data_and_count_the_pairs(run):
    text = " ".join(method.limits(run.results, 21))
    assert "rooms, with 400 training and 240 test images" in text
    assert "21 pairs were tested" in text
    assert "corrected" not in " ".join(method.limits(run.results, 1))
