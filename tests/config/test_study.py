from __future__ import annotations

import re
import tomllib
from dataclasses import fields, replace
from pathlib import Path

import pytest

from budgetnas.arch.counter import count
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.budget import Budget
from budgetnas.config.macs_cap import IN_WORDS, macs_rule, read_macs_cap
from budgetnas.config.models import paper_models
from budgetnas.config.recipe import Recipe, load_recipe
from budgetnas.config.sections import BudgetConfig, OutputConfig, SpaceConfig
from budgetnas.config.study import FREE_KEYS, StudyConfig, flatten, load_study, run_name, train_name
from budgetnas.exceptions import UsageError
from budgetnas.space.resnet import ResNetSpace
from budgetnas.space.widths import fit


def write(folder: Path, text: str) -> str:
    path = folder / "study.toml"
    path.write_text(text)
    return str(path)


def test_the_command_line_overrides_the_file_and_the_file_the_defaults(tmp_path):
    name = write(tmp_path, "[search]\ntrials = 7\nseed = 3\n[space]\nwidths = [16, 64]\n")
    config = load_study(name, {"search.seed": 4, "data.subset": None}, ["space.width_step=4", "data.flip=true"])
    assert (config.search.trials, config.search.seed) == (7, 4)
    assert (config.space.widths, config.space.width_step, config.data.flip) == ((16, 64), 4, True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[search]\ntrails = 7\n", r"`search.trails` is no key of search: did you mean `trials`\?"),
        ("[serach]\n", r"`serach` is no key of a study file: did you mean `search`\?"),
        ("[search]\ntrials = 'many'\n", r"`search.trials` is 'many', but must be a whole number"),
        ("[search]\ntrials = true\n", r"`search.trials` is True"),
        ("[search]\ntrials = 0\n", r"`search.trials` is 0, but must be from 1 to 10,000,000"),
        ("[search]\nseed = -1\n", r"`search.seed` is -1"),
        ("[search]\nsampler = 'tpo'\n", r"one of thompson, evolution, random, tpe"),
        (
            "[search]\nscore = 'f1'\n",
            r"`search.score` is 'f1', but must be one of accuracy, balanced_accuracy, macro_f1",
        ),
        ("[search]\nscore = 'loss'\nstop = 'hopeless'\n", r"`search.stop` is 'hopeless' and `search.score` is 'loss'"),
        ("[data]\nclass_weights = true\n", r"`data.class_weights` is True, but must be one of none, balanced"),
        ("[space]\nwidths = [64]\n", r"must be a list of 2 whole numbers, such as \[8, 24\]"),
        ("[space]\nwidths = 64\n", r"`space.widths` is 64"),
        ("[budget]\nmin_utilisation = 2\n", r"min_utilisation"),
        ("[output]\nname = '../up'\n", r"`output.name`"),
        ("search = 3\n", r"`search` is 3, but must be a table"),
        ("[search\n", r"no valid TOML"),
        ("x = " + "[" * 5_000, r"no valid TOML"),
        ("x = " + "9" * 5_000, r"no valid TOML"),
        ("[search]\ntrials = 20_000_000\n", r"`search.trials` is 20000000, but must be from 1 to 10,000,000"),
        ("[budget]\nmax_params = " + "9" * 400 + "\n", r"`budget.max_params` is 9999"),
        ("[budget]\nmin_utilisation = nan\n", r"min_utilisation"),
        ("[engine]\nmax_hours = inf\n", r"max_hours"),
        ("[engine]\nworkers = 100_000\n", r"from 1 to 512"),
    ],
)
def test_a_wrong_study_file_is_named_with_key_value_and_rule(tmp_path, text, words):
    with pytest.raises(UsageError, match=words):
        load_study(write(tmp_path, text), {}, [])


@pytest.mark.parametrize("setting", ["space.width_step", "width_step=4", "a.b.c=1", "space.nothing=1"])
def test_a_wrong_setting_is_refused(setting):
    with pytest.raises(UsageError):
        load_study(None, {}, [setting])


def test_unknown_names_list_the_shipped_ones():
    with pytest.raises(UsageError, match="paper"):
        load_study("nothing", {}, [])
    with pytest.raises(UsageError, match=r"no file"):
        load_study("nothing.toml", {}, [])
    with pytest.raises(UsageError, match=r"proxy"):
        load_recipe("nothing")


def test_every_free_key_exists():
    assert set(flatten(StudyConfig())) >= FREE_KEYS


def test_the_cap_on_macs_scales_with_the_image_area():
    space, small, cap = StudyConfig().space, DataShape(height=8, width=8, channels=1, classes=3), 272_474
    resnet20 = count(ResNetSpec.from_id("3x16-3x32-3x64"), DataShape())
    assert resnet20.params == cap
    assert space.macs_cap(DataShape(), cap) == 3 * resnet20.macs
    assert space.macs_cap(small, cap) == 3 * resnet20.macs // 16
    for value, macs in (("200%model5", 2 * 874_187_264), ("50%3x16-3x32-3x64", resnet20.macs // 2)):
        assert SpaceConfig(max_macs=value).macs_cap(DataShape(), 1) == macs
        assert SpaceConfig(max_macs=value).macs_cap(small, 1) == macs // 16
    assert SpaceConfig(max_macs="1.75G").macs_cap(small, 1) == 1_750_000_000
    assert SpaceConfig(max_macs="none").macs_cap(small, 1) is None


def test_the_default_cap_on_macs_follows_the_largest_cap_on_params():
    resnet20 = ResNetSpec.from_id("3x16-3x32-3x64")
    for caps in ([100_000], [5_000_000], [100_000, 400_000]):
        budgets = load_study(None, {"budget.tiers": caps}).budgets(DataShape())
        assert [budget.max_params for budget in budgets] == caps
        scaled = fit(resnet20, DataShape(), Budget(max_params=caps[-1]))
        assert {budget.max_macs for budget in budgets} == {3 * count(scaled, DataShape()).macs}
        assert macs_rule(budgets[-1], ResNetSpace()) == IN_WORDS
        assert macs_rule(replace(budgets[-1], max_macs=budgets[-1].max_macs + 1), ResNetSpace()) is None
    narrowest = count(ResNetSpec.from_id("3x1-3x1-3x1"), DataShape())
    for cap in (narrowest.params, narrowest.params - 1):
        assert SpaceConfig(widths=(1, 8)).macs_cap(DataShape(), cap) == 3 * narrowest.macs
    smallest = count(ResNetSpec.from_id("1x16"), DataShape()).macs
    assert SpaceConfig().macs_cap(DataShape(), narrowest.params) == smallest, "the default leaves something to search"


@pytest.mark.parametrize("value", ["automatic", "50%nothing", "%resnet20", "0%resnet20", 0])
def test_a_wrong_cap_on_macs_is_refused(value):
    with pytest.raises(UsageError, match=r"is '?[a-z0-9%]+'?, but must be|is no shipped network") as refused:
        SpaceConfig(max_macs=value).macs_cap(DataShape(), 10**6)
    assert "nothing" in str(refused.value) or refused.value.argument == "space.max_macs"


def test_the_reports_models_have_the_counts_that_it_reports():
    reported = {model.name: model for model in paper_models() if model.reported_params}
    assert list(reported) == ["resnet18", "model1", "model2", "model3", "model4", "model5"]
    for model in reported.values():
        assert count(model.spec, DataShape()).params == model.reported_params


def test_batches_and_rates_shrink_together_for_small_sets():
    recipe = Recipe(batch_size=512, lr=0.4)
    assert recipe.for_images(45_000) == recipe
    small = recipe.for_images(1_151)
    assert (small.batch_size, small.lr) == (64, 0.05)
    assert recipe.for_images(10).batch_size == 32


@pytest.mark.parametrize("key", ["lr", "momentum", "warmup", "label_smoothing", "weight_decay", "batch_size"])
def test_recipes_check_their_values(tmp_path, key):
    path = tmp_path / "mine.toml"
    path.write_text(f"{key} = -1\n")
    with pytest.raises(UsageError, match=f"`recipe.{key}` is -1"):
        load_recipe(str(path))


def test_every_key_of_a_recipe_is_documented_and_an_unknown_one_has_a_suggestion(tmp_path):
    page = (Path(__file__).parent.parent.parent / "docs" / "recipes.md").read_text()
    rows = "".join(line.split("|")[1] for line in page.splitlines() if line.startswith("| `"))
    assert {field.name for field in fields(Recipe)} - {"description"} <= set(re.findall(r"`(\w+)`", rows))
    path = tmp_path / "mine.toml"
    path.write_text("label_smothing = 0.1\n")
    with pytest.raises(
        UsageError, match=r"`recipe.label_smothing` is no key of recipe: did you mean `label_smoothing`"
    ):
        load_recipe(str(path))


def test_shipped_recipes_load():
    assert load_recipe("proxy").nesterov
    assert load_recipe("full").schedule == "cosine"


def test_only_optunas_own_samplers_propose_over_the_budget():
    config = load_study(None, {"search.sampler": "tpe", "search.over_budget": "prune"}, [])
    assert config.search.over_budget == "prune"
    with pytest.raises(UsageError, match=r"`search.over_budget` is 'prune' and `search.sampler` is 'thompson'"):
        load_study(None, {"search.over_budget": "prune"}, [])


def test_the_shipped_cifar_study_asks_for_rungs_repeats_and_controls():
    config = load_study("cifar10_5m", {}, [])
    assert config.budget.caps(DataShape())[-1] == 5_000_000
    assert config.proxy.rungs == (8, 24)
    assert config.full.repeats == 3
    assert config.evidence.controls
    assert config.evidence.control_promotions >= 10


def test_the_shipped_study_at_resnet20s_size_names_its_controls():
    config = load_study("resnet20_budget", {}, [])
    assert config.budget.caps(DataShape())[-1] == 272_474
    assert config.evidence.control_networks == ("resnet20", "random")
    for wrong in ('["resnet21"]', "[]", '["random", "random"]'):
        with pytest.raises(UsageError, match=r"`evidence.control_networks` is .* but must be different ones of report"):
            load_study(None, {}, [f"evidence.control_networks={wrong}"])
    with pytest.raises(UsageError, match=r"`search.first_models` is \['random'\], but must be different ones of"):
        load_study(None, {}, ["search.first_models=['random']"])
    with pytest.raises(UsageError, match=r"different ones of .* or ids like"):  # one network twice
        load_study(None, {}, ["search.first_models=['resnet20', '3x16-3x32-3x64']"])
    mine = load_study(None, {}, ["evidence.control_networks=['random', '2x16-3x64']"])
    assert mine.evidence.control_networks == ("random", "2x16-3x64")


def test_tiers_are_caps_in_rising_order_and_the_largest_is_the_cap():
    config = load_study(None, {"budget.tiers": ["5M", "100%resnet20", 1e6]}, [])
    assert config.budget.caps(DataShape()) == (272_474, 1_000_000, 5_000_000)
    assert config.budget.caps(DataShape())[-1] == 5_000_000


CONTROLS = {"evidence.controls": True}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"budget.tiers": ["1M", "1e6"]}, "must hold different caps"),
        ({"budget.tiers": ["1M", "2M"], "budget.max_params": "3M"}, "go up to 2,000,000: leave one of them out"),
        ({"budget.tiers": ["1M"], "budget.max_bytes": "3MB"}, "`budget.tiers` are caps on parameters, and do not go"),
        ({"budget.max_bytes": "300kb"}, r"`budget.max_bytes` is '300kb', but .* kB, MB, GB, KiB, MiB, GiB"),
        ({"budget.max_memory": 0}, "`budget.max_memory` is '0', but must be whole bytes"),
        ({"budget.max_params": "1M", "budget.weights": "int4"}, "`budget.weights` is 'int4'"),
        ({"budget.weights": "int8"}, "`budget.max_params` is missing: .* such as `budget.max_bytes=300kB`"),
        ({"budget.tiers": ["x"]}, "`budget.tiers` is 'x'"),
        ({"budget.tiers": []}, "`budget.max_params` is missing"),
        ({"budget.tiers": ["1M"], "search.over_budget": "prune", "search.sampler": "tpe"}, "know no tiers"),
        ({"proxy.rungs": []}, r"`proxy.rungs` is \[\], but must be epochs that rise"),
        ({"proxy.rungs": [8, 8]}, "must be epochs that rise"),
        ({"proxy.rungs": [0]}, "must be epochs that rise"),
        ({"proxy.rungs": [24, 8]}, "must be epochs that rise"),
        ({"proxy.rungs": [8.5]}, "is 8.5, but must be a whole number"),
        ({"evidence.control_promotions": -1}, "must be from 0"),
        ({"evidence.looks": [3, 5]}, "`evidence.looks` needs `evidence.controls` or `evidence.random_control`"),
        ({"evidence.refit": True}, "`evidence.refit` needs `evidence.controls` or `evidence.random_control`"),
        ({"evidence.looks": [], **CONTROLS}, "must be seeds that rise, from 2 to 1,000"),
        ({"evidence.looks": [1, 3], **CONTROLS}, "must be seeds that rise, from 2 to 1,000"),
        ({"evidence.looks": [3, 3], **CONTROLS}, "must be seeds that rise, from 2 to 1,000"),
        ({"evidence.looks": [3, 5], "evidence.control_repeats": 3, **CONTROLS}, "leave one of them out"),
    ],
)
def test_tiers_rungs_and_evidence_check_their_values(words, said):
    with pytest.raises(UsageError, match=said):
        load_study(None, words, []).budgets(DataShape())


def budget_of(**keys):
    (budget,) = load_study(None, {key.replace("__", "."): value for key, value in keys.items()}).budgets(DataShape())
    return budget


def test_any_cap_may_be_given_alone():
    sizes = budget_of(budget__max_bytes="40kB", budget__max_memory="6KiB", budget__weights="int8")
    macs = read_macs_cap("auto", ResNetSpace(), most_params=40_000)
    assert sizes == Budget(max_bytes=40_000, max_memory=6_144, max_macs=macs, weights="int8")
    assert budget_of(budget__max_memory=6_144) == Budget(max_memory=6_144)
    assert budget_of(space__max_macs="5M") == Budget(max_macs=5_000_000)
    of_file = budget_of(budget__max_bytes="40kB", budget__max_params="5M")
    assert of_file.max_macs == read_macs_cap("auto", ResNetSpace(), most_params=10_000)


def test_the_name_of_a_run_has_its_caps():
    def name(**keys):
        return run_name("digits", BudgetConfig(**keys), DataShape(), 3, suffix="-x")

    assert name(max_params="5M") == "digits-5M-s3-x"
    assert name(tiers=("1M", "2M")) == "digits-2M-s3-x"
    assert name(max_bytes="40kB", max_memory="6KiB", weights="int8") == "digits-40kB-6KiB-int8-s3-x"
    assert name(max_params="5M", max_bytes="304722") == "digits-5M-304722bytes-fp32-s3-x"
    assert name() == "digits-macs-s3-x"
    assert BudgetConfig(max_bytes="40kB").sizes() == BudgetConfig(max_bytes=40_000).sizes() == {"max_bytes": 40_000}


def test_the_name_of_a_training_is_a_name_for_every_id():
    spec = ResNetSpec.from_id("1x16m8=1x24m8-1x32m16")
    assert train_name(spec, 3) == "train-1x16m8_1x24m8-1x32m16-s3"
    OutputConfig(name=train_name(spec, 3))


def test_a_named_space_lies_over_the_study_file_and_below_single_keys(tmp_path):
    name = write(tmp_path, "[space]\nkernels = [7]\nblocks = [2, 3]\n")
    config = load_study(name, {"space": "wide", "space.max_macs": "none"}, ["space.groups=[1]"])
    assert config.space.kinds == ("basic", "bottleneck")
    assert (config.space.kernels, config.space.blocks) == ((3, 5), (2, 3))
    assert (config.space.groups, config.space.max_macs) == ((1,), "none")


def test_a_space_may_be_a_file_with_that_section_alone(tmp_path):
    named = tmp_path / "mine.toml"
    named.write_text('description = "ours"\n[space]\nnecks = [64]\n')
    assert load_study(None, {"space": str(named)}).space.necks == (64,)
    for text, wrong in (
        ("[search]\ntrials = 3\n", "mine.toml, which has search beside"),
        ("", "which has no section \\[space\\]"),
        ("[space]\nneck = 3\n", "did you mean `necks`"),
    ):
        named.write_text(text)
        with pytest.raises(UsageError, match=wrong):
            load_study(None, {"space": str(named)})
    with pytest.raises(UsageError, match=r"`wild` is not among the shipped names \(wide\)"):
        load_study(None, {"space": "wild"})


@pytest.mark.parametrize("path", sorted((Path(__file__).parents[2] / "studies" / "spaces").glob("*.toml")))
def test_every_shipped_space_is_one_and_says_what_it_holds(path):
    config = load_study(None, {"space": path.stem})
    space = config.space.space(DataShape())
    assert not space.is_plain
    assert tomllib.loads(path.read_text())["description"]
    assert len(space.chains()) > 4
