"""Which recipes do not fit a training of some steps, and that the shipped ones fit what they are for."""

from __future__ import annotations

import pytest

from budgetnas.config.recipe import Recipe, load_recipe
from budgetnas.pipeline.length import length_notes

DIGITS = 1_150  # training images: 18 steps of 64


def notes(*, images=6_400, epochs=10, period=None, **keys):
    """The notes on a recipe of 100 steps of 64 images an epoch, unless told otherwise."""
    recipe = Recipe(**{"batch_size": 64, "step": "batch", **keys})
    return length_notes(recipe, "mine", images=images, epochs=epochs, period=period)


def test_a_running_mean_of_fixed_decay_says_what_is_left_of_its_first_weights():
    assert length_notes(Recipe(ema=0.9999, ema_rule="fixed", step="batch"), "long", images=DIGITS, epochs=40) == [
        "recipe long: after 720 steps the running mean still holds 93 % of its first weights: ema = 0.9999 with "
        'ema_rule = "fixed" needs 46,051 steps. Give ema_rule = "steps" or a lower ema.'
    ]
    assert notes(ema=0.9999) == []
    assert notes(ema=0.999, ema_rule="fixed", epochs=46) != []  # 0.999 ** 4,599 is 1.004 %
    assert notes(ema=0.999, ema_rule="fixed", epochs=47) == []
    assert notes(ema=0.0, ema_rule="fixed") == []


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (
            {"warmup": 0.001},
            "warmup = 0.001 of 1,000 steps is less than two of them, so the learning rate starts at its highest",
        ),
        ({"warmup": 0.1, "step": "epoch"}, "warmup = 0.1 of 10 epochs is less than two of them"),
        ({"lookahead": 500}, "lookahead = 500 pulls the slow weights 2 times in 1,000 steps: give at most 100"),
        ({"lookahead": 2_000}, "lookahead = 2000 pulls the slow weights 0 times in 1,000 steps"),
        ({"step": "epoch", "epochs": 2}, "the learning rate is still at 50 % of its highest in the last of 2 epochs"),
        ({"step": "epoch", "epochs": 1}, "the learning rate is still at 100 % of its highest in the last of 1 epoch"),
        ({"step": "epoch", "epochs": 8, "schedule": "linear"}, "the learning rate is still at 12 % of its highest"),
        ({"images": 32, "epochs": 100}, "all 32 images are one batch, so an epoch is one step: give batch_size = 2"),
        ({"images": 600, "epochs": 2}, "after 38 steps the running statistics of batch norm still hold 2 % of their"),
    ],
)
def test_what_assumes_more_steps_than_there_are_is_said_and_nothing_else(keys, said):
    (note,) = notes(**keys)
    assert note.startswith("recipe mine: ")
    assert said in note
    assert note.endswith(".")


@pytest.mark.parametrize(
    "keys",
    [
        {"warmup": 0.002},
        {"warmup": 0.2, "step": "epoch"},
        {"lookahead": 100},
        {"step": "epoch", "epochs": 5},
        {"step": "epoch", "epochs": 2, "period": 200},  # a part of a longer schedule, as it was asked for
        {"images": 33 * 16, "epochs": 3},
    ],
)
def test_what_fits_is_not_mentioned(keys):
    assert notes(**keys) == []


@pytest.mark.parametrize(
    ("name", "images", "epochs"),
    [
        ("proxy", DIGITS, 3),
        ("proxy16", 240, 3),
        ("full", DIGITS, 10),
        ("full", 240, 12),
        ("long", DIGITS, 40),
        ("proxy", 45_000, 8),
        ("proxy128", 10_000, 8),
        *((name, 45_000, 200) for name in ("full", "paper200", "modern200", "long")),
    ],
)
def test_shipped_recipes_fit_the_lengths_that_they_are_for(name, images, epochs):
    assert length_notes(load_recipe(name), name, images=images, epochs=epochs) == []
