import itertools
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ramodel.nets.data.text import VOCABULARY, python_text, text_dataset


def written(data, rows):
    """Rows of labels as strings."""
    return ["".join(data.class_names[label] for label in row) for row in rows]


def whole_rows(data, part):
    """The pieces of the text that rows came from: inputs and the last label."""
    inputs, labels = getattr(data, f"{part}_inputs"), getattr(data, f"{part}_labels")
    return written(data, np.concatenate([inputs, labels[:, -1:]], axis=1))


def test_corpus_is_prose_without_repeated_paragraphs():
    text = python_text()
    assert 200_000 < len(text) < 1_000_000
    paragraphs = text.split("\n\n")
    assert len(set(paragraphs)) == len(paragraphs)
    assert text.count(" the ") > 1000


def test_rows_are_the_text_in_order_without_overlap():
    data = text_dataset(32)
    joined = "".join(whole_rows(data, "train") + whole_rows(data, "test"))
    plain = python_text()
    for curly, straight in (("“", '"'), ("”", '"'), ("‘", "'"), ("’", "'"), ("–", "-"), ("—", "-"), ("…", "...")):
        plain = plain.replace(curly, straight)
    plain = "".join(character if character in VOCABULARY else "?" for character in plain)
    assert plain.startswith(joined)
    assert len(plain) - len(joined) < 33  # an end shorter than a piece is left out


@settings(max_examples=20)
@given(
    text=st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=300),
    context=st.integers(1, 12),
    seed=st.integers(0, 2**63 - 1),
)
def test_any_text_becomes_known_characters_each_labelled_with_the_next(text, context, seed):
    if len(text) < 2 * (context + 1):
        return
    data = text_dataset(context, seed=seed, text=text)
    for part in ("train", "test"):
        inputs, labels = getattr(data, f"{part}_inputs"), getattr(data, f"{part}_labels")
        assert inputs.dtype == labels.dtype == np.int64
        assert inputs.shape == labels.shape
        assert inputs.shape[1] == context
        np.testing.assert_array_equal(inputs[:, 1:], labels[:, :-1])
        assert inputs.min() >= 0
        assert labels.max() < data.classes == len(VOCABULARY) == 96


def test_typographic_characters_become_plain_ones_and_unknown_ones_a_question_mark():
    data = text_dataset(9, text="“a”—‘b’…" + "é\t\x00\n" + "." * 30)
    assert "".join(whole_rows(data, "train")).startswith("\"a\"-'b'...?    ?\n...")


def test_sizes_draw_rows_by_seed_from_parts_that_stay():
    everything = text_dataset(16)
    first, again, other = (text_dataset(16, train_size=50, test_size=20, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.train_inputs, again.train_inputs)
    assert (first.train_inputs != other.train_inputs).any()
    assert first.name == again.name == other.name == everything.name
    for part, size in (("train", 50), ("test", 20)):
        drawn = whole_rows(first, part)
        assert len(drawn) == size
        order = iter(whole_rows(everything, part))
        assert all(piece in order for piece in drawn)  # a subsequence


def test_name_holds_a_digest_of_the_text():
    texts = ["abc " * 20, "abd " * 20]
    assert len({text_dataset(4, text=text).name for text in texts}) == 2
    assert text_dataset(4, text=texts[0]).name.startswith("text ")


def test_smallest_texts():
    data = text_dataset(1, text="abcd")
    assert (whole_rows(data, "train"), whole_rows(data, "test")) == (["ab"], ["cd"])


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"context": 0}, ValueError, "context is 0; it must be at least 1"),
        ({"seed": -1}, ValueError, "seed is -1"),
        ({"train_size": 10**9}, ValueError, "train_size is 1000000000; it must be at most"),
        ({"test_size": 0}, ValueError, "test_size is 0; it must be at least 1"),
        ({"text": b"bytes"}, TypeError, "text is a bytes; it must be a string"),
        ({"text": "abc"}, ValueError, "text has 3 characters, 0 pieces of context .* longer text or a smaller context"),
        ({"text": "a" * 65}, ValueError, "1 pieces"),
    ],
)
def test_bad_input(options, error, message):
    with pytest.raises(error, match=message):
        text_dataset(**options)


def test_a_python_without_help_topics(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    with pytest.raises(ModuleNotFoundError, match=r"pydoc_data\.topics.*text of your own"):
        python_text.__wrapped__()
    assert text_dataset(2, text="".join(itertools.repeat("xyz", 9))).classes == 96
