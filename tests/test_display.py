import pytest
from hypothesis import given
from hypothesis import strategies as st
from paramlab import display


@pytest.mark.parametrize(
    ("x", "digits", "text"),
    [
        (0, 4, "0"),
        (9.996, 3, "10.0"),
        (999.96, 4, "1,000"),
        (0.000123456, 3, "0.000123"),
        (-2.5049, 3, "-2.50"),
        (174_604_259_328, 4, "174,600,000,000"),
        (1e-9, 2, "0.0000000010"),
        (112.097343, 4, "112.1"),
    ],
)
def test_rounding_keeps_significant_digits_and_never_an_exponent(x, digits, text):
    assert display.rounded(x, digits) == text


@given(st.floats(-1e15, 1e15).filter(lambda x: x == 0 or abs(x) > 1e-9), st.integers(1, 6))
def test_rounding_stays_within_half_a_digit(x, digits):
    text = display.rounded(x, digits)
    assert "e" not in text
    assert abs(float(text.replace(",", "")) - x) <= 0.500001 * abs(x) * 10 ** (1 - digits)


@given(st.integers(0, 10**18))
def test_exact_integers_come_back(n):
    assert int(display.number(n).replace(",", "")) == n


@pytest.mark.parametrize(
    ("n", "text"),
    [
        (999, "999"),
        (2.5, "2.500"),
        (999_940, "999.9 thousand"),
        (999_950, "1.000 million"),  # not 1,000 thousand
        (1_557_611_200, "1.558 billion"),
        (2.79e12, "2.790 trillion"),
    ],
)
def test_words_for_large_numbers(n, text):
    assert display.in_words(n) == text


@pytest.mark.parametrize(
    ("n", "text"),
    [
        (12, "12 bytes"),
        (1000, "1.00 kB"),
        (999_500, "1.00 MB"),
        (349_208_518_656, "349 GB"),
        (2**30, "1.07 GB"),
    ],
)
def test_bytes_are_decimal(n, text):
    assert display.in_bytes(n) == text


def test_shares():
    assert display.percent(1, 3) == "33%"
    assert display.percent(12_988_416, 174_604_259_328, 4) == "0.007439%"


def test_a_table_lines_up_its_columns():
    rows = [("attention", 57_986_777_088, "33.21%"), ("b", 5, "0%")]
    lines = display.table(rows, head=("part", "parameters", "share")).splitlines()
    assert lines == [
        "part           parameters   share",
        "attention  57,986,777,088  33.21%",
        "b                       5      0%",
    ]


def test_a_table_with_rows_of_different_lengths_is_an_error():
    with pytest.raises(ValueError):
        display.table([("a", 1), ("b",)])
