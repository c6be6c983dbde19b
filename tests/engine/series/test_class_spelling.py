"""Class names: what means nothing, what is one class in several spellings, and what is not."""

from __future__ import annotations

import pytest

from engine.series.class_spelling import match_names, means_nothing, tidy_names


@pytest.mark.parametrize(
    "text",
    [
        "nan",
        "NaN",
        "NULL",
        "None",
        "N/A",
        "n/a",
        "#N/A",
        "<NA>",
        "<Null>",
        "-",
        "\u2013",
        "",
        "  ",
        "\u00a0",
        "No  data",
    ],
)
def test_texts_without_meaning(text):
    assert means_nothing(text)
    names = tidy_names({"wheat": 3, text: 2})
    assert names.of == {"wheat": "wheat", text: ""} and names.nothing == {text: 2}


@pytest.mark.parametrize("text", ["other", "unknown", "nana", "0", "fallow", "null-till", "none-crop"])
def test_texts_with_a_meaning(text):
    assert not means_nothing(text)


@pytest.mark.parametrize(
    "spellings",
    [
        ("Maize", "maize", "MAIZE"),
        ("Non-crop", "NonCrop", "Noncrop", "non crop", "non_crop"),
        ("Winter wheat", "winter-wheat", "winterwheat", "winter  wheat"),
        ("bl\u00e9", "ble", "BL\u00c9", "ble\u0301"),
        ("Wei\u00dfkohl", "Weisskohl"),
        ("Soybean", "soybeans"),
        ("potato", "Potatoes"),
        ("berry", "berries"),
        ("Zuckerr\u00fcbe", "Zuckerr\u00fcben"),
        ("Kartoffel", "Kartoffeln"),
        ("\uff2d\uff21\uff29\uff3a\uff25", "maize"),
        ("1", "1.0", "01"),
        ("\u043f\u0448\u0435\u043d\u0438\u0446\u0430", "\u041f\u0448\u0435\u043d\u0438\u0446\u0430"),
    ],
)
def test_spellings_of_one_class_become_the_most_frequent_one(spellings):
    counts = dict.fromkeys(spellings, 1) | {"barley": 1, spellings[1]: 5}
    names = tidy_names(counts)
    assert {names.of[name] for name in spellings} == {spellings[1]} and names.of["barley"] == "barley"
    assert names.merged == {spellings[1]: {name: counts[name] for name in sorted(spellings, key=lambda n: -counts[n])}}
    assert tidy_names(counts, keep=True).of == {name: name for name in counts}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("rice", "rye"),
        ("oat", "goat"),
        ("grass", "glass"),
        ("spring barley", "winter barley"),
        ("1", "2"),
        ("1-1", "11"),
        ("10", "1.0"),
        ("A", "As"),
        ("C3", "C4"),
        ("\u5c0f\u9ea6", "\u7389\u7c73"),
        ("\u0e02\u0e49\u0e32\u0e27", "\u0e02\u0e32\u0e27"),
        ("wheat", "wheat+clover"),
    ],
)
def test_other_classes_stay_apart(one, other):
    assert tidy_names({one: 2, other: 1}).of == {one: one, other: other}


def test_a_class_that_a_person_named_is_the_one_that_others_become():
    names = tidy_names({"MAIZE": 9, "maize": 1}, fixed=["Maize"])
    assert names.of == {"MAIZE": "Maize", "maize": "Maize"}
    assert tidy_names({}, fixed=["Maize", "maize"]).merged == {}


def test_names_of_two_sets_meet_by_their_spelling():
    assert match_names(["maize", "wheat", "rye"], ["Maize", "Wheats", "barley"]) == {
        "maize": "Maize",
        "wheat": "Wheats",
    }
    # What one set keeps apart stays apart.
    assert match_names(["Maize", "maize"], ["Maize"]) == {}
    assert match_names(["MAIZE", "maize"], ["Maize"]) == {}
