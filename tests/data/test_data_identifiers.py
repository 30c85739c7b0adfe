"""Identifiers are unique, in their pattern, and the same for the same row and seed."""

from __future__ import annotations

import re
import uuid

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augment.data.identifiers import CLASSES, escape, make_identifiers, parse_pattern
from augment.data.permutation import permute
from augment.data.schema import IdentifierColumn

ROWS = np.arange(5000, dtype=np.uint64)


def make(
    pattern: str, start: int = 0, *, rows: np.ndarray = ROWS, seed: int = 7, kind: str = "string"
) -> pa.Array:
    """Return identifiers as a string array."""
    column = IdentifierColumn(name="id", storage=kind, pattern=pattern, start=start)
    storage = {"string": pa.string(), "large_string": pa.large_string()}[kind]
    return make_identifiers(column, storage, rows, seed)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from([*CLASSES, "-", "é", "\\\\", "\\a"]), max_size=12), st.integers())
def test_texts_are_unique_and_in_their_pattern(parts: list[str], seed: int) -> None:
    """5,000 rows never share an identifier; each has the pattern, past its capacity with a count."""
    pattern = parse_pattern("".join(parts))
    made = make("".join(parts) or "0", seed=seed).to_pylist()
    assert len(set(made)) == len(made)
    alphabets = pattern.alphabets or (CLASSES["0"],)
    form = "".join(f"[{re.escape(alphabet)}]" for alphabet in alphabets) + "(-[0-9]+)?"
    assert all(re.fullmatch(form, text) for text in made)
    if pattern.capacity >= len(ROWS):
        assert len(made[0]) == len(alphabets) == len(made[-1])


def test_rows_have_addresses() -> None:
    """An identifier depends on its row and seed alone, not on the batch it is made in."""
    whole = make("AA-0000").to_pylist()
    assert make("AA-0000", rows=ROWS[1000:1010]).to_pylist() == whole[1000:1010]
    assert make("AA-0000", seed=8).to_pylist() != whole
    assert make("AA-0000", rows=ROWS[:0]).to_pylist() == []


def test_uuids() -> None:
    """A UUID pattern gives UUIDs of that version, whose every digit varies."""
    texts = make("xxxxxxxx-xxxx-4xxx-xxxx-xxxxxxxxxxxx", kind="large_string").to_pylist()
    assert all(uuid.UUID(text).hex[12] == "4" for text in texts)
    assert all(len({text[place] for text in texts}) == 16 for place in (0, 7, 10, 15, 20, 35))


@pytest.mark.parametrize(
    ("pattern", "start", "first"),
    [
        ("C-0000", 42, ["C-0042", "C-0043"]),
        ("user0", 9, ["user9", "user10"]),
        (r"\A00\0", 7, ["A070", "A080"]),
    ],
)
def test_numbered_patterns_count_on(pattern: str, start: int, first: list[str]) -> None:
    """Digits in one run count up from `start`, and grow when they must."""
    made = make(pattern, start).to_pylist()
    assert made[:2] == first
    assert len(set(made)) == len(made)


def test_integers_count_on_whatever_the_seed() -> None:
    """Integers are `start` plus the row, in their type, negative or beyond 2**63 alike."""
    for start, kind in [(10, pa.int64()), (-5, pa.int32()), (2**63, pa.uint64())]:
        column = IdentifierColumn(name="id", storage=str(kind), start=start)
        made = make_identifiers(column, kind, ROWS[:3], 1)
        assert made.type == kind
        assert made.to_pylist() == [start, start + 1, start + 2]


def test_text_without_a_pattern_gets_one() -> None:
    """12 letters and digits."""
    assert all(re.fullmatch("[0-9a-zA-Z]{12}", text) for text in make("").to_pylist())


@given(st.text())
def test_escaped_text_stands_for_itself(text: str) -> None:
    """The pattern of an escaped text is that text alone."""
    assert "".join(parse_pattern(escape(text)).alphabets) == text
    assert parse_pattern(escape(text)).capacity == 1


@settings(deadline=None)
@given(st.integers(1, 2000), st.integers(0, 2**64 - 1))
def test_permutations_permute(capacity: int, key: int) -> None:
    """Every number below the capacity comes out once."""
    out = permute(np.arange(capacity, dtype=np.uint64), capacity, np.uint64(key))
    assert sorted(out.tolist()) == list(range(capacity))


def test_permutations_of_large_ranges_stay_inside() -> None:
    """Up to 2**62, what comes out is in range and distinct."""
    for capacity in (2**32 + 1, 10**15, 2**62):
        out = permute(ROWS, capacity, np.uint64(3))
        assert len(np.unique(out)) == len(ROWS)
        assert int(out.max()) < capacity
