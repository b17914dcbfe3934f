"""Which network a name means: in any spelling, by its id, or none, with the reason."""

from __future__ import annotations

import pytest

from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.config.models import find_model, load_models, model_names, params_of, read_cap
from budgetnas.config.study import load_study
from budgetnas.exceptions import UsageError


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        *[
            (typed, "resnet18")
            for typed in ("resnet18", "ResNet-18", "ResNet18", "resnet_18", "RESNET 18", "res_net-18")
        ],
        *[(typed, "resnet20") for typed in ("Resnet 20", "ResNet_20", "resnet-20")],
        *[(typed, "model5-prose") for typed in ("Model 5 prose", "model5prose", "MODEL5-PROSE")],
        *[(typed, "model5") for typed in ("Model 5", "model-5")],
        ("ResNet-34", "resnet34"),
        ("resnet-110", "resnet110"),
        ("2x16-3x64", "2x16-3x64"),
    ],
)
def test_a_name_is_the_same_in_any_spelling(typed, name):
    assert find_model(typed).name == name


def test_resnet34_is_a_name():
    assert find_model("resnet34").spec == ResNetSpec(blocks=(3, 4, 6, 3), widths=(64, 128, 256, 512))
    assert params_of("resnet34", DataShape()) == 21_282_122


BOTTLENECKS = (
    "resnet50",
    "ResNet-50",
    "resnet101",
    "resnet_152",
    "torchvision.models.resnet50",
    "resnet50_v1.5",
    "xresnet50",
)
WIDE = ("wrn-16-4", "WRN-16-4", "wrn16-4", "wrn_16_4", "WideResNet16x4", "wide_resnet_16_4", "Wide ResNet 16-4")
PRE_ACTIVATION = ("preact_resnet18", "PreActResNet18", "preresnet18", "resnet18v2", "resnetv2_18")


@pytest.mark.parametrize("typed", BOTTLENECKS)
def test_networks_of_bottlenecks_are_said_to_be_such(typed):
    with pytest.raises(UsageError) as refused:
        find_model(typed)
    assert str(refused.value).startswith(
        f"`{typed}` is built of bottleneck blocks, which this version does not have: the "
    )


@pytest.mark.parametrize(
    ("typed", "nearest"),
    [
        ("resnet50", "resnet34"),
        ("resnet101", "3x64-4x128-23x256-3x512"),
        ("resnet152", "3x64-8x128-36x256-3x512"),
        ("resnet164", "resnet18"),
        *[(typed, "s16-2x64-2x128-2x256") for typed in WIDE],
        ("wrn-28-10", "s16-4x160-4x320-4x640"),
        ("WRN-40-2", "s16-6x32-6x64-6x128"),
        ("wrn-10-1", "1x16-1x32-1x64"),
        *[(typed, "resnet18") for typed in PRE_ACTIVATION],
        ("resnet8", "1x16-1x32-1x64"),
        ("ResNet-14", "2x16-2x32-2x64"),
        ("resnet10", "1x64-1x128-1x256-1x512"),
        ("resnet1202", "200x16-200x32-200x64"),
    ],
)
def test_the_nearest_network_is_one_that_can_be_written(typed, nearest):
    with pytest.raises(UsageError, match=f"`{nearest}`") as refused:
        find_model(typed)
    assert find_model(nearest) is not None
    assert "did you mean" not in str(refused.value)
    assert "resnet56" not in str(refused.value)


@pytest.mark.parametrize("typed", [*WIDE, *PRE_ACTIVATION, "resnet50v2", "wrn"])
def test_pre_activation_is_named(typed):
    with pytest.raises(UsageError, match=r"pre-activation blocks \(batch norm and ReLU before each convolution\)"):
        find_model(typed)


@pytest.mark.parametrize(
    ("typed", "parts"),
    [
        ("resnext50_32x4d", "grouped or split convolutions"),
        ("ResNeXt-29", "grouped or split convolutions"),
        ("regnet_y_400mf", "grouped or split convolutions"),
        ("seresnet18", "attention over channels"),
        ("mobilenetv2", "depthwise convolutions"),
        ("MobileNet-V3-small", "depthwise convolutions"),
        ("efficientnet-b0", "depthwise convolutions"),
        ("tf_efficientnet_b0", "depthwise convolutions"),
        ("shufflenet_v2_x1_0", "depthwise convolutions"),
        ("vgg16_bn", "convolutions without shortcuts"),
        ("LeNet-5", "convolutions without shortcuts"),
        ("densenet121", "concatenated feature maps"),
        ("googlenet", "parallel branches"),
        ("vit_b_16", "attention over patches"),
        ("wide_resnet50_2", "wide bottleneck blocks"),
        ("resnet9", "max-pooling between its shortcuts"),
    ],
)
def test_other_families_are_said_to_be_built_of_something_else(typed, parts):
    with pytest.raises(UsageError, match=f"`{typed}` is built of .*{parts}, which this version does not have"):
        find_model(typed)


@pytest.mark.parametrize("typed", ["resnet8x4", "ResNet32x4", "resnet56x2", "resnet18d", "resnet26d", "iresnet18"])
def test_variants_of_a_name_are_not_taken_for_another_depth(typed):
    with pytest.raises(UsageError, match=f"`{typed}` is ") as refused:
        find_model(typed)
    assert "did you mean" not in str(refused.value)


@pytest.mark.parametrize("typed", ["wrn-10-0", "wrn-16-4000", "wrn-6010-1"])
def test_a_wide_network_out_of_all_limits_has_no_nearest_one(typed):
    with pytest.raises(UsageError, match="pre-activation") as refused:
        find_model(typed)
    assert "nearest" not in str(refused.value)


@pytest.mark.parametrize("typed", ["nothing", "resnet21", "", "my net", "net50", "x" * 5_000, "resnet20.pytorch"])
def test_any_other_name_is_just_unknown(typed):
    assert find_model(typed) is None


def test_a_share_takes_names_in_any_spelling_and_says_why_it_does_not():
    assert read_cap("100%ResNet-20", DataShape()) == read_cap("100%Resnet 20", DataShape()) == 272_474
    with pytest.raises(UsageError, match="`resnet50` is built of bottleneck blocks"):
        read_cap("45%resnet50", DataShape())
    with pytest.raises(UsageError, match=f"take one of {', '.join(model_names())}, or an id"):
        read_cap("45%resnet21", DataShape())


def test_a_study_holds_names_as_they_are_written_here():
    config = load_study(None, {}, ["search.first_models=['ResNet-20', '2x16-3x64']"])
    assert config.search.first_models == ("resnet20", "2x16-3x64")
    config = load_study(None, {}, ["evidence.control_networks=['report', 'ResNet 34']"])
    assert config.evidence.control_networks == ("report", "resnet34")
    for key in ("search.first_models", "evidence.control_networks"):
        with pytest.raises(UsageError, match=rf"`{key}` is \['wrn-16-4'\]: `wrn-16-4` is built of pre-activation"):
            load_study(None, {}, [f"{key}=['wrn-16-4']"])
        with pytest.raises(UsageError, match="must be different ones"):
            load_study(None, {}, [f"{key}=['resnet20', 'ResNet-20']"])


def test_the_fields_of_a_spec_are_keys_of_a_declared_model(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('[[models]]\nname = "a"\nblocks = [4, 0, 3, 0]\nwidths = [64, 250]\nstem_width = 16\nnote = "b"\n')
    (model,) = load_models(path)
    assert (model.name, model.spec.id, model.note) == ("a", "s16-4x64-3x250", "b")


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ('name = "a"\nblocks = [1]', "number 1, without name, blocks or widths"),
        ('name = "a"\nblocks = [1]\nwidths = [8]\nblock = 1', "`models[0].block` is no key of models[0]: did you mean"),
        ('name = "a"\nblocks = [1]\nwidths = [8]\nspec = 1', "known keys: name, blocks, widths, "),
        ('name = "a"\nblocks = 1\nwidths = [8]', "`models[0].blocks` is 1, but must be a list of whole numbers"),
        ("name = 1\nblocks = [1]\nwidths = [8]", "`models[0].name` is 1, but must be a string"),
        ('name = "a"\nblocks = [1]\nwidths = [0]', "`widths` holds 0, but must be a whole number"),
    ],
)
def test_a_wrong_declaration_is_refused_by_its_key(tmp_path, entry, told):
    path = tmp_path / "mine.toml"
    path.write_text(f"[[models]]\n{entry}\n")
    with pytest.raises(UsageError) as refused:
        [model.spec for model in load_models(path)]
    assert told in str(refused.value)
