from __future__ import annotations

import json
import subprocess
import sys

import pytest
from drawn_specs import specs
from hypothesis import HealthCheck, given, settings

from budgetnas.cli.main import main
from budgetnas.cli.options import typed_words


def output(capsys, *words):
    assert main(["count", *words]) == 0
    return capsys.readouterr().out


def test_the_prose_of_model_5_counts_what_it_counts(capsys):
    text = output(capsys, "--blocks", "4,5,3,0", "--widths", "64,128,250", "--max-params", "5e6")
    assert "parameters   4,848,142\n" in text
    assert "MACs         864,952,004 (0.865 G)\n" in text
    assert "utilisation  96.96% of 5,000,000 (151,858 left)\n" in text
    assert "width 256 in stage 3" in text


def test_zeros_in_the_middle_are_removed_with_a_notice_and_at_the_end_without(capsys):
    assert "empty stages in the middle were removed" in output(capsys, "--blocks", "4,0,3,0", "--widths", "64,128")
    assert "removed" not in output(capsys, "--blocks", "4,3,0", "--widths", "64,128")


def test_a_network_over_the_cap_says_by_how_much(capsys):
    assert "OVER by 139,018" in output(capsys, "--blocks", "2,2,4", "--widths", "64,128,256", "--max-params", "5M")


def test_every_cap_has_its_share_with_the_precision_that_it_is_for(capsys):
    words = "resnet20 --max-params 272474 --max-macs 40M --max-bytes 100kB --max-memory 48KiB --weights int8"
    text = output(capsys, *words.split())
    assert "memory       196,608 bytes in fp32, 49,152 in int8\n" in text
    assert "utilisation  100.00% of 272,474 (0 left)\n" in text
    assert "             102.03% of 40,000,000 MACs (OVER by 813,184)\n" in text
    assert "             100.00% of 48 KiB of memory in int8 (0 bytes left)\n" in text
    found = json.loads(output(capsys, *words.split(), "--json"))
    assert found["memory"] == {"fp32": 196_608, "fp16": 98_304, "int8": 49_152}
    assert (found["max_bytes"], found["max_memory"], found["weights"]) == (100_000, 49_152, "int8")
    over = found["file_bytes"]["int8"] - 100_000
    assert f"% of 100 kB for the file in int8 (OVER by {over:,} bytes)\n" in text
    assert found["utilisations"]["bytes"] == found["file_bytes"]["int8"] / 100_000
    assert found["weights_bytes"]["fp32"] < found["file_bytes"]["fp32"]
    assert f"at most {found['file_bytes']['fp32']:,} bytes in fp32" in text


def test_a_plain_number_is_bytes_and_is_said_to_be(capsys):
    text = output(capsys, "resnet20", "--max-bytes", "300")
    assert "% of 300 bytes for the file in fp32 (OVER by" in text


def test_networks_of_other_blocks_are_counted_by_name_and_id(capsys):
    text = output(capsys, "e16-3x16-3x32-3x64")
    assert "parameters   274,847" in text
    assert "note: this is se-resnet20." in text
    found = json.loads(output(capsys, "resnext29-32x4d", "--json", "--max-params", "45%resnext29-32x4d"))
    assert (found["id"], found["params"]) == ("s64-3x256m128g32-3x512m256g32-3x1024m512g32", 4_775_754)
    assert (found["kind"], found["mids"], found["groups"]) == ("bottleneck", [128, 256, 512], [32, 32, 32])
    assert found["max_params"] == 4_775_754 * 45 // 100
    assert {"kernels", "strides", "shortcut", "squeeze", "neck", "expansions"}.isdisjoint(found)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(specs(3))
def test_every_network_can_be_typed_by_its_options(capsys, spec):
    assert json.loads(output(capsys, *typed_words(spec).split(), "--json"))["id"] == spec.id


def test_the_options_of_other_blocks_mean_what_an_id_means(capsys):
    words = "--blocks 2,2 --widths 64,128 --kind bottleneck --mids 16,32 --kernels 3,5 --groups 4,1 --strides 1,1"
    found = json.loads(output(capsys, *words.split(), "--stem-width", "32", "--json"))
    assert (found["id"], found["kernels"]) == ("s32-2x64m16g4=2x128m32k5", [3, 5])
    words = "--blocks 1,0,2 --widths 16,24 --kind inverted --expansions 1,6 --squeeze 16 --neck 512"
    assert json.loads(output(capsys, *words.split(), "--json"))["id"] == "n512-e16-1x16t1-2x24t6"
    words = "--blocks 1,1 --widths 16,32 --shortcut pool --neck 64"
    assert output(capsys, *words.split()).startswith("n64-d-1x16-1x32: 1 block of 16, 1 block of 32; 3x32x32 images")


def test_a_shipped_study_is_counted_by_name(capsys):
    text = output(capsys, "paper", "--max-params", "5M")
    for figure in ("11,173,962", "4,903,242", "5,139,018", "4,939,902", "4,993,025", "4,992,586"):
        assert figure in text
    assert "its table of layers 256" in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--blocks", "4,x", "--widths", "64,128"], "`--blocks` is '4,x'"),
        (["--blocks", "4,-1", "--widths", "64,128"], "-1"),
        (["--blocks", "0,0", "--widths", "64,128"], "no block in any stage"),
        (["--blocks", "4,5,3,0", "--widths", "64,128"], "`--widths` has 2 values"),
        (["--blocks", "4,5", "--widths", "64,128,256,512"], "`--widths` has 4 values"),
        (["--blocks", "4,5", "--widths", "64,0"], "`--widths` holds 0"),
        (["--blocks", "4,5", "--widths", "64,99999999999"], "99999999999"),
        (["--blocks", "4,5", "--widths", "9" * 5000], "`--widths`"),
        (["--blocks", "4,99999", "--widths", "64,64"], "`--blocks` holds 99999"),
        (["--blocks", "4,5"], "both needed"),
        (["paper", "--blocks", "4,5"], "`paper` does not go with `--blocks`: give one or the other."),
        (["--blocks", "4", "--widths", "٨"], "`--widths` is '٨'"),
        (["--blocks", "+4", "--widths", "8"], "`--blocks` is '+4'"),
        (["--blocks", "4", "--widths", "8", "--stem-width", "8,9"], "`--stem-width` is '8,9'"),
        (["--blocks", "4", "--widths", "8", "--stem-width", "0"], "`--stem-width` is '0'"),
        (["resnet20", "--kind", "basic", "--neck", "8"], "`resnet20` does not go with `--kind` and `--neck`: give one"),
        (["--neck", "8"], "`--blocks` and `--widths` are both needed"),
        *[
            (["--blocks", "1,1", "--widths", "16,32", *words], said)
            for words, said in (
                (
                    ["--kind", "wide"],
                    "`--kind` is 'wide', but must be basic, bottleneck, inverted, or a kind whose code",
                ),
                (["--kind", "w" * 5000], "`--kind` is 'www"),
                (["--shortcut", "zero"], "`--shortcut` is 'zero', but must be conv or pool."),
                (["--mids", "4,4"], "`--mids` has 2 values, but must have none for 2 stages of basic blocks."),
                (["--kind", "inverted", "--groups", "2,2"], "`--groups` has 2 values, but must have none for 2 stages"),
                (["--kind", "bottleneck", "--expansions", "6,6"], "`--expansions` has 2 values, but must have none"),
                (["--kind", "bottleneck", "--mids", "4"], "`--mids` has 1 value, but must have 2 for 2 stages of"),
                (["--kind", "bottleneck", "--groups", "2,3"], "`--groups` holds 3, but must divide the 8 channels"),
                (["--kind", "bottleneck", "--groups", "0,1"], "`--groups` holds 0, but must be a whole number from 1"),
                (["--kernels", "3,4"], "`--kernels` holds 4, but must be odd, like 3 or 5."),
                (["--kernels", "three,3"], "`--kernels` is 'three,3', but must be whole numbers with commas"),
                (["--strides", "2,2"], "`--strides` holds 2, but must be 1."),
                (["--strides", "1,4"], "`--strides` holds 4, but must be a whole number from 1 to 2."),
                (["--neck", "0"], "`--neck` is '0', but must be a whole number above 0."),
                (["--squeeze", "99999999"], "`--squeeze` holds 99999999, but must be a whole number from 1 to 65,536."),
            )
        ],
        (["resnet20", "--max-bytes", "300kb"], "`--max-bytes` is '300kb', but must be a size like 300kB or 128KiB"),
        (["resnet20", "--max-memory", "0"], "`--max-memory` is '0', but must be whole bytes from 1"),
        (["resnet20", "--max-macs", "5q"], "`--max-macs` is '5q', but must be a count"),
        (
            ["resnet20", "--max-bytes", "3kB", "--weights", "int4"],
            "`--weights` is 'int4', but must be fp32, fp16 or int8.",
        ),
        (
            ["resnet20", "--weights", "int8"],
            "`--weights` is 'int8', but is for a cap on the file or on memory: give one",
        ),
        (["x" * 5000], "is no shipped network"),
        (["nothing"], "is no shipped network: give one of resnet18"),
        (["3x0"], "`widths` holds 0"),
        (["q2-3x16"], "`q2-3x16` is no id that this version reads: stages like 4x64, "),
        (["3x16m6g4"], "`groups` holds 4, but must divide the 6 channels"),
        (["3x16k4"], "`kernels` holds 4, but must be odd"),
        (["resnet18", "--image-size", "2x"], "`--image-size` is '2x', but must be N or HxW"),
        (["resnet18", "--image-size", "99999"], "`--image-size` is '99999'"),
        (["resnet20.pytorch"], "did you mean `resnet20`?"),
        (["cifar10_resnet56"], "did you mean `resnet56`?"),
        (
            ["resnet50"],
            "`resnet50` has a stem of stride 2 with max-pooling, which this version does not have: the nearest is",
        ),
        (["resnet20", "--max-params", "45%wrn-16-4"], "`wrn-16-4` is built of pre-activation blocks"),
        (["cifar.toml"], "no file"),
        *[
            (["--blocks", "1", "--widths", "16", "--max-params", cap], "`--max-params` is")
            for cap in ("0", "-1", "abc", "nan", "inf", "")
        ],
    ],
)
def test_wrong_words_are_named_in_one_line(capsys, words, said):
    with_equals = [words[-2] + "=" + words[-1], *words[:-2]] if words[-1].startswith("-") else words
    assert main(["count", *with_equals]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("budgetnas: ")


def test_the_help_of_no_command_loads_anything_heavy():
    code = (
        "import sys; from budgetnas.cli.main import COMMANDS, main\n"
        "for name in COMMANDS:\n"
        "    try: main([name, '--help'])\n"
        "    except SystemExit: pass\n"
        "print([m for m in ('torch', 'optuna', 'numpy', 'pandas', 'rich', 'sklearn', 'plotly') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_counting_loads_nothing_heavy():
    code = (
        "import sys; from budgetnas.cli.main import main\n"
        "main(['count', '--blocks', '4,5,3,0', '--widths', '64,128,250', '--max-params', '5e6'])\n"
        "print([m for m in ('torch', 'optuna', 'numpy', 'pandas', 'rich', 'sklearn', 'plotly') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
