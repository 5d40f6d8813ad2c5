from polyscale.report.series import family_styles, scale_series, size_series


def test_sizes_join_models_of_a_family_at_one_scale(run):
    (series,) = size_series(run.results)
    assert series.name == "efficientnet_lite"
    assert [r.backbone[-1] for r in series.results] == ["0", "1", "2"]
    assert {r.scales for r in series.results} == {(1,)}


def test_scales_join_the_sets_of_one_model(run):
    first, second = scale_series(run.results)
    assert (first.name, second.name) == ("pip:efficientnet_lite0", "pip:dinov2_small")
    assert [r.scales for r in first.results] == [(1,), (1, 2), (1, 2, 3)]


def test_lines_run_from_few_multiply_adds_to_many(run):
    for series in (*size_series(run.results[::-1]), *scale_series(run.results[::-1])):
        macs = [r.macs for r in series.results]
        assert macs == sorted(macs)


def test_families_differ_in_colour_and_in_shape(run):
    first, second = family_styles(run.results).values()
    assert first.colour != second.colour
    assert first.marker != second.marker
