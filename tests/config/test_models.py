"""Which network a name means: in any spelling, by its id, or none, with the reason."""

from __future__ import annotations

import pytest

from budgetnas.arch.counter import count
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.config.models import cost_of, find_model, load_models, model_names, read_cap
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
        *[(typed, "se-resnet20") for typed in ("SE-ResNet-20", "seresnet20", "se_resnet_20")],
        ("ResNet-164", "resnet164"),
        *[(typed, "resnext29-32x4d") for typed in ("ResNeXt-29_32x4d", "resnext29 32x4d", "resnext29_32x4d")],
        *[(typed, "mobilenetv2") for typed in ("MobileNetV2", "mobilenet_v2", "MobileNet-V2")],
    ],
)
def test_a_name_is_the_same_in_any_spelling(typed, name):
    assert find_model(typed).name == name


def test_resnet34_is_a_name():
    assert find_model("resnet34").spec == ResNetSpec(blocks=(3, 4, 6, 3), widths=(64, 128, 256, 512))
    assert cost_of("resnet34", DataShape()).params == 21_282_122


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
def test_networks_for_large_images_are_said_to_have_another_stem(typed):
    with pytest.raises(UsageError) as refused:
        find_model(typed)
    assert str(refused.value).startswith(
        f"`{typed}` has a stem of stride 2 with max-pooling, which this version does not have: the nearest is `s64-"
    )


@pytest.mark.parametrize(
    ("typed", "nearest"),
    [
        ("resnet50", "s64-3x256m64-4x512m128-6x1024m256-3x2048m512"),
        ("resnet101", "s64-3x256m64-4x512m128-23x1024m256-3x2048m512"),
        ("resnet152", "s64-3x256m64-8x512m128-36x1024m256-3x2048m512"),
        ("se-resnet50", "s64-e16-3x256m64-4x512m128-6x1024m256-3x2048m512"),
        ("wide_resnet50_2", "s64-3x256m128-4x512m256-6x1024m512-3x2048m1024"),
        ("resnext50_32x4d", "s64-3x256m128g32-4x512m256g32-6x1024m512g32-3x2048m1024g32"),
        ("resnext29-2x64d", "s64-3x256m128g2-3x512m256g2-3x1024m512g2"),
        ("ResNeXt-29", "resnext29-32x4d"),
        ("preresnet164", "resnet164"),
        ("resnet1001", "s16-111x64m16-111x128m32-111x256m64"),
        ("seresnet18", "e16-2x64-2x128-2x256-2x512"),
        ("SE-ResNet-32", "e16-5x16-5x32-5x64"),
        ("mobilenetv2_x0_5", "mobilenetv2"),
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
        ("resnest50", "split convolutions"),
        ("regnet_y_400mf", "a stem of stride 2"),
        ("senet154", "attention of another kind"),
        ("mobilenetv1", "in other blocks than those of `mobilenetv2`"),
        ("MobileNet-V3-small", "in other blocks than those of `mobilenetv2`"),
        ("efficientnet-b0", "in other blocks than those of `mobilenetv2`"),
        ("tf_efficientnet_b0", "in other blocks than those of `mobilenetv2`"),
        ("shufflenet_v2_x1_0", "in other blocks than those of `mobilenetv2`"),
        ("vgg16_bn", "convolutions without shortcuts"),
        ("LeNet-5", "convolutions without shortcuts"),
        ("densenet121", "concatenated feature maps"),
        ("googlenet", "parallel branches"),
        ("vit_b_16", "attention over patches"),
        ("resnet9", "max-pooling between its shortcuts"),
    ],
)
def test_other_families_are_said_to_be_built_of_something_else(typed, parts):
    with pytest.raises(UsageError, match=f"`{typed}` is built of .*{parts}, which this version does not have"):
        find_model(typed)


def test_a_mobilenetv2_of_other_widths_is_answered_with_the_id_of_the_shipped_one():
    with pytest.raises(
        UsageError, match=r"give its widths as an id, like `s32-n1280-1x16t1=.*`, which is `mobilenetv2`"
    ):
        find_model("mobilenet_v2_0.5")


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
    assert read_cap("100%resnext29-32x4d", DataShape()) == 4_775_754
    longest = "-".join(["n65536-d-e65536-1000x65536m65536k31g65536", *["1000x65536m65536k31g65536"] * 7])
    assert read_cap("0.000001%s16-" + longest, DataShape()) > 0
    assert read_cap("100%1x4=1x8", DataShape()) == count(ResNetSpec.from_id("1x4=1x8"), DataShape()).params
    with pytest.raises(UsageError, match="`resnet50` has a stem of stride 2"):
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


def test_a_model_is_declared_by_its_id_or_by_all_fields(tmp_path):
    path = tmp_path / "mine.toml"
    by_fields = 'kind = "bottleneck"\nmids = [8, 8]\ngroups = [2, 4]\nkernels = [5, 3]\nstrides = [1, 1]\n'
    path.write_text(
        f'[[models]]\nname = "a"\nid = "n64-e4-1x16m8k5g2=2x24m8g4"\n'
        f'[[models]]\nname = "b"\nblocks = [1, 2]\nwidths = [16, 24]\n{by_fields}squeeze = 4\nneck = 64\n'
    )
    first, second = load_models(path)
    assert first.spec == second.spec
    assert first.spec.id == "n64-e4-1x16m8k5g2=2x24m8g4"


RULE = "stages like 4x64, 4x64m16k5g4 or 4x64t6, joined by - or =, after s32-, n512-, d- and e16- where they apply."


@pytest.mark.parametrize(
    ("text", "right"),
    [
        *[(text, RULE) for text in ("q2-3x16", "3x16q2", "4x64-", "4X64", "e16-n8-4x64", "4x64k5m16", "4x64=")],
        *[(text, "the id of this network is `4x64`.") for text in ("04x64", "s64-4x64", "d-4x64", "4x64k3")],
    ],
)
def test_what_looks_like_an_id_and_is_none_is_refused_with_the_rule(text, right):
    with pytest.raises(UsageError) as refused:
        find_model(text)
    assert str(refused.value) == f"`{text}` is no id that this version reads: {right}"


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ('name = "a"\nblocks = [1]', "number 1, without a name and an id or blocks and widths"),
        ('name = "a"\nblocks = [1]\nwidths = [8]\nblock = 1', "`models[0].block` is no key of models[0]: did you mean"),
        ('name = "a"\nblocks = [1]\nwidths = [8]\nspec = 1', "known keys: name, id, blocks, widths, "),
        ('name = "a"\nblocks = 1\nwidths = [8]', "`models[0].blocks` is 1, but must be a list of whole numbers"),
        ('name = "a"\nid = "4x64"\nwidths = [64]', "`models[0].id` does not go with widths: give one or the other."),
        ('name = "a"\nid = "q2-4x64"', "`models[0].id` is 'q2-4x64', but must be an id: stages like 4x64, "),
        ('name = "a"\nid = 4', "`models[0].id` is 4, but must be an id: stages like 4x64, "),
        ('name = "a"\nid = "4x64g2"', "`groups` has 1 value, but must have none for 1 stage of basic blocks."),
        ('name = "a"\nblocks = [1]\nwidths = [8]\nkind = 1', "`models[0].kind` is 1, but must be a string"),
        ('name = "a"\nblocks = [1]\nwidths = [8]\nneck = "x"', "`models[0].neck` is 'x', but must be a whole number"),
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
