import pytest

from polyscale.report import numbers


@pytest.mark.parametrize(
    ("write", "value", "text"),
    [
        (numbers.percent, 0.6125, "61.3 %"),
        (numbers.percent, 1.0, "100.0 %"),
        (numbers.ratio, 8.24, "8.2 ×"),
        (numbers.ratio, 9.96, "10 ×"),
        (numbers.ratio, 31.2, "31 ×"),
        (numbers.ratio, 1234.0, "1,234 ×"),
        (numbers.ratio, 0.0421, "0.042 ×"),
        (numbers.MACS.text, 385_482_000, "0.385 G"),
        (numbers.MACS.text, 5_396_748_000, "5.40 G"),
        (numbers.MACS.text, 1_234_567_000_000, "1,235 G"),
        (numbers.PARAMS.text, 4_652_008, "4.65 M"),
        (numbers.MEMORY.text, 110_420_000, "110 MB"),
        (numbers.LATENCY.text, 12.345, "12.3 ms"),
        (numbers.LATENCY.text, 0, "0 ms"),
        (numbers.two_digits, 19, "19"),
        (numbers.two_digits, 17_059, "17,000"),
        (numbers.two_digits, 995, "1,000"),
        (numbers.p_value, 0.0004, "< 0.001"),
        (numbers.p_value, 0.0494, "0.049"),
    ],
)
def test_numbers_have_units_signs_and_few_digits(write, value, text):
    assert write(value).replace(numbers.NBSP, " ") == text


def test_units_do_not_break_from_their_numbers():
    assert " " not in numbers.percent(0.5) + numbers.MACS.text(1e9) + numbers.p_value(0)


def test_the_axis_of_intervals_holds_them_all_and_ends_at_a_multiple():
    assert numbers.interval_limit([]) == 0.05
    assert numbers.interval_limit([(-0.12, 0.07)]) == pytest.approx(0.15)
    assert numbers.interval_limit([(0, 0.12)], 0.1) == pytest.approx(0.2)
