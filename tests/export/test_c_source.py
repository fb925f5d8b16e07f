"""C text: every value that can be written is read back, and by a compiler too."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from autotiny.export._c_source import (
    comment_text,
    float_literal,
    hex_rows,
    int_rows,
    read_array,
    string_literal,
)
from autotiny.export._golden import spread_over_classes
from autotiny.export._request import c_identifier


@given(st.binary(min_size=1, max_size=200))
def test_bytes_are_read_back(data):
    source = (
        f"static const int x = 3;\nconst uint8_t a_b[{len(data)}] = {{\n{hex_rows(data)}\n}};\n"
    )
    assert read_array(source, "a_b").astype(np.uint8).tobytes() == data


@given(arrays.arrays(np.int8, arrays.array_shapes(min_dims=1, max_dims=2, max_side=40)))
def test_int8_values_are_read_back(values):
    assert read_array(f"int8_t v[N][M] = {{{{\n{int_rows(values)}}},}};", "v").tolist() == (
        values.ravel().tolist()
    )


def test_declarations_and_comments_are_not_definitions():
    source = """
    extern const uint8_t data[]; /* data[2] = {9, 9}; */  // data[1] = {8};
    const uint8_t data[2] = {1, /* 7, */ 2}; use(data[0]);
    """
    assert read_array(source, "data").tolist() == [1, 2]


@pytest.mark.parametrize(
    "source",
    [
        "",
        "int a[1] = {1}; int a[1] = {2};",
        "int a[2] = {1, b};",
        "int aa[1] = {1};",
        "int a[] = {1",
    ],
)
def test_unreadable_arrays(source):
    with pytest.raises(ValueError, match="a "):
        read_array(source, "a")


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_float_literals_keep_every_bit(value):
    literal = float_literal(value)
    assert re.fullmatch(r"-?\d+(\.\d+)?(e[+-]\d+)?f", literal)
    assert "." in literal or "e" in literal
    assert np.float32(literal[:-1]).tobytes() == np.float32(value).tobytes()


@given(st.text(max_size=30))
def test_string_literals_are_plain_and_decode_to_utf8(text):
    literal = string_literal(text)
    assert literal.isascii()
    assert literal.isprintable()
    assert "??" not in literal
    unescaped = re.sub(
        r"\\(\d{3}|.)", lambda m: chr(int(m[1], 8)) if len(m[1]) == 3 else m[1], literal[1:-1]
    )
    assert unescaped.encode("latin-1") == text.encode()


@given(st.text(max_size=30))
def test_comments_cannot_be_left(text):
    safe = comment_text(text)
    assert safe.isascii()
    assert safe.isprintable() or safe == ""
    assert "*/" not in safe
    assert "/*" not in safe
    assert "\\" not in safe


@given(st.text(max_size=30))
def test_identifiers_are_valid_and_not_reserved(text):
    name = c_identifier(text)
    assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name)
    assert c_identifier(name) == name


def test_identifiers_of_known_names():
    assert c_identifier("Digits 8x8!") == "digits_8x8"
    assert c_identifier("8 bit") == "model_8_bit"
    assert c_identifier("数字") == "model"
    assert c_identifier("a--b__c") == "a_b_c"


@given(
    arrays.arrays(np.int64, st.integers(1, 40), elements=st.integers(0, 5)),
    st.integers(1, 10),
)
def test_golden_samples_cover_as_many_classes_as_they_can(labels, count):
    chosen = spread_over_classes(labels, count)
    assert len(chosen) == len(set(chosen.tolist())) == min(count, len(labels))
    assert len(set(labels[chosen].tolist())) == min(count, len(set(labels.tolist())))
    assert (np.diff(chosen) > 0).all()
