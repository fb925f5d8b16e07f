import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotiny.errors import InputError
from autotiny.units import format_bytes, format_seconds, parse_seconds, parse_size

UNITS = {"": 1, "B": 1, "K": 1024, "KB": 1024, "KiB": 1024, "M": 1024**2, "MB": 1024**2}


@pytest.mark.parametrize(
    ("text", "size"),
    [("300KB", 307200), ("1.5MB", 1572864), ("4096", 4096), (4096, 4096), (" 2 KiB ", 2048),
     ("0.5K", 512), ("1MiB", 1048576), ("1kB", 1024), ("300kb", 307200), ("520k", 532480),
     ("0.5MB", 524288), (".5mb", 524288), ("300 kb", 307200), ("1mib", 1048576)],
)  # fmt: skip
def test_sizes(text, size):
    assert parse_size(text) == size


@given(st.integers(1, 4096), st.sampled_from(sorted(UNITS)))
def test_any_whole_size(number, unit):
    assert parse_size(f"{number}{unit}") == number * UNITS[unit]


@pytest.mark.parametrize(
    "text",
    ["", "abc", "-1KB", "0", "0KB", "300Kbit", "300 kbps", "1e3", "nan", "inf", "1,000", "."],
)
def test_what_is_no_size(text):
    with pytest.raises(InputError, match="--flash must be a positive number") as error:
        parse_size(text, name="--flash")
    assert repr(text) in str(error.value)


def test_part_of_a_byte():
    with pytest.raises(InputError, match=r"whole number of bytes; got '0.3B' = 0\.3 B"):
        parse_size("0.3B")


@pytest.mark.parametrize("text", ["9" * 400, "4097MB", "9" * 5000 + "KB"])
def test_more_than_a_microcontroller_can_address(text):
    with pytest.raises(InputError, match="at most 4096MB"):
        parse_size(text)
    assert parse_size("4096MB") == 2**32


def test_endless_time():
    with pytest.raises(InputError, match="positive number"):
        parse_seconds("9" * 400)


def test_zero_where_it_makes_sense():
    assert parse_size("0", allow_zero=True) == 0


@given(st.text(max_size=12))
def test_any_text_is_a_size_or_one_sentence(text):
    sentence = "."
    try:
        assert parse_size(text) > 0
    except InputError as error:
        sentence = str(error)
    assert sentence.endswith(".")
    assert "\n" not in sentence


@pytest.mark.parametrize(
    ("text", "seconds"), [("30m", 1800), ("20ms", 0.02), ("90", 90), (90, 90), ("1.5h", 5400),
                          ("3us", 3e-6), ("2min", 120), ("1 s", 1)],
)  # fmt: skip
def test_times(text, seconds):
    assert parse_seconds(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "0", "-1", "abc", "1 day", "nan", "inf"])
def test_what_is_no_time(text):
    with pytest.raises(InputError, match="--latency must be a positive number") as error:
        parse_seconds(text, name="--latency")
    assert repr(text) in str(error.value)


@given(st.integers(0, 2**40))
def test_bytes_are_shown_exactly(size):
    shown = format_bytes(size)
    assert int(re.match(r"[\d,]+", shown)[0].replace(",", "")) == size
    assert shown.endswith("B") or shown.endswith("KiB)")


def test_shown_bytes():
    assert format_bytes(1023) == "1,023 B"
    assert format_bytes(14768) == "14,768 B (14.4 KiB)"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.00085, "850 µs"), (0.0032, "3.2 ms"), (5.04, "5.0 s"), (245, "4m 05s"), (3660, "1h 01m"),
     (0, "0 µs"), (59.97, "1m 00s"), (0.99996, "1.0 s"), (0.0009999, "1.0 ms"), (7199.8, "2h 00m")],
)  # fmt: skip
def test_shown_times(seconds, shown):
    assert format_seconds(seconds) == shown
