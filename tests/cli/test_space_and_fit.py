from __future__ import annotations

import json

import pytest

from budgetnas.cli.main import main
from budgetnas.text import plural


def output(capsys, *words):
    assert main(list(words)) == 0
    return capsys.readouterr().out


def test_the_atlas_of_the_default_space(capsys, tmp_path):
    page = tmp_path / "atlas.html"
    atlas = json.loads(output(capsys, "space", "--max-params", "5e6", "--html", str(page), "--json"))
    assert atlas["size"] == 2_974_562_808
    assert sum(atlas["fitting"].values()) == 96_616_951
    assert atlas["near"]["90%"] == {"1": 0, "2": 1_722, "3": 283_976, "4": 17_444_924}
    assert sum(atlas["near"]["90%"].values()) == 17_730_622  # the README's figure
    assert atlas["smallest"] == {"id": "1x16", "params": 5_306, "macs": 5_161_120}
    assert 4_999_000 < atlas["largest"]["params"] <= 5_000_000
    assert atlas["most_macs"]["macs"] <= atlas["max_macs"] == 2_266_709_370
    assert "Plotly.newPlot" in page.read_text()


def test_the_atlas_of_digits_leaves_out_what_has_no_pixels(capsys):
    words = ("space", "--max-params", "300k", "--channels", "1", "--image-size", "8", "--set", "space.max_macs='none'")
    text = output(capsys, *words)
    assert "3 stages" in text
    assert "4 stages" not in text
    assert "estimate: quantiles of 2,000 uniform draws" in text


def test_an_empty_set_names_the_smallest_network_and_the_knob(capsys):
    assert main(["space", "--max-params", "100"]) == 1
    error = capsys.readouterr().err
    assert "the smallest architecture of the space has 5,306 parameters (1x16)" in error
    assert "`space.widths`" in error


def test_fit_fills_the_cap_and_says_what_comes_next(capsys):
    words = ("fit", "--blocks", "4,5,3,0", "--widths", "64,128,250", "--max-params", "5e6")
    text = output(capsys, *words)
    assert "4x66-5x130-3x253: --blocks 4,5,3 --widths 66,130,253" in text
    assert "parameters   4,989,549 (99.79% of 5,000,000, 10,451 left)" in text
    assert "next size    4x67-5x130-3x253: 5,000,470, 470 over" in text
    assert "one more block in stage 3 costs 1,153,174" in text
    found = json.loads(output(capsys, *words, "--step", "8", "--json"))
    assert all(width % 8 == 0 for width in found["widths"])
    assert found["params"] <= 5_000_000 < found["next"]["params"]


DEVICE = ["--max-bytes", "40kB", "--max-memory", "6KiB", "--weights", "int8", "--image-size", "8", "--channels", "1"]


def test_fit_fills_the_caps_of_a_device_and_says_what_is_left(capsys):
    text = output(capsys, "fit", "resnet20", *DEVICE)
    found = json.loads(output(capsys, "fit", "resnet20", *DEVICE, "--json"))
    size, memory = found["file_bytes"]["int8"], found["memory"]["int8"]
    assert size <= 40_000
    assert (
        f"at most {size:,} bytes in int8 ({size / 40_000:.2%} of 40 kB for the file in int8, {40_000 - size:,}" in text
    )
    assert f"({memory / 6_144:.2%} of 6 KiB of memory in int8" in text
    assert "bytes of the file over the cap" in text
    assert json.loads(output(capsys, "count", found["id"], *DEVICE, "--json"))["utilisations"]["bytes"] <= 1
    assert main(["fit", "resnet20"]) == 2
    assert "`--max-params` is missing: give a cap" in capsys.readouterr().err


def test_the_space_is_surveyed_under_the_caps_of_a_device(capsys):
    small = ("--set", "space.widths=[8,40]", "--set", "space.max_macs='none'")
    text = output(capsys, "space", *DEVICE, *small)
    assert "cap        40 kB for the file and 6 KiB of memory in int8\n" in text
    found = json.loads(output(capsys, "space", *DEVICE, *small, "--json"))
    assert (found["cost"], found["max_params"], found["max_bytes"], found["weights"]) == ("bytes", None, 40_000, "int8")
    assert f"memory     {plural(found['over_max_memory'], 'network')} that fit the other caps need more" in text
    largest = json.loads(output(capsys, "count", found["largest"]["id"], *DEVICE, "--json"))
    assert found["largest"]["bytes"] == largest["file_bytes"]["int8"] <= 40_000
    assert found["largest"]["memory"] == largest["memory"]["int8"] <= 6_144
    tight = ("--max-memory", "100")
    assert main(["space", *DEVICE, *small, *tight]) == 1
    told = capsys.readouterr().err
    assert "`--max-memory` is 100 bytes, but no architecture of the space has less than" in told
    assert told.count("\n") == 1


def test_fit_takes_a_network_by_its_name_or_id(capsys):
    words = ("--max-params", "5e6", "--json")
    typed = output(capsys, "fit", "--blocks", "2,2,2,2", "--widths", "64,128,256,512", *words)
    assert output(capsys, "fit", "resnet18", *words) == output(capsys, "fit", "2x64-2x128-2x256-2x512", *words) == typed


@pytest.mark.parametrize("name", ["se-resnet20", "resnext29-32x4d", "mobilenetv2", "s8-n64-d-2x16k5-1x32"])
def test_fit_scales_a_network_of_any_kind(capsys, name):
    found = json.loads(output(capsys, "fit", name, "--max-params", "300k", "--json"))
    given = json.loads(output(capsys, "count", name, "--json"))
    assert (found["blocks"], found["params"] <= 300_000 < found["next"]["params"]) == (given["blocks"], True)
    counted = json.loads(output(capsys, "count", found["id"], "--json"))
    both = found.keys() & counted.keys() - {"max_params", "weights", "utilisation", "note"}
    assert {"stem_width", "params", "macs"} < both
    assert {key: found[key] for key in both} == {key: counted[key] for key in both}


def test_fit_says_when_no_width_is_small_enough(capsys):
    assert main(["fit", "--blocks", "100", "--widths", "64", "--max-params", "1k"]) == 1
    assert "with blocks 100 the narrowest network has 2,249" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [("--step", "0"), ("--step", "x"), ("--max-params", "0"), ("--widths", "0"), ("--classes", "0")]
)
def test_wrong_words_to_fit_are_one_line(capsys, words):
    given = {"--blocks": "1", "--widths": "16", "--max-params": "5e6"} | {words[0]: words[1]}
    assert main(["fit", *(word for pair in given.items() for word in pair)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_count_knows_names_shapes_and_layers(capsys):
    assert "272,474" in output(capsys, "count", "resnet20")
    assert "4,848,142" in output(capsys, "count", "model5")
    assert "utilisation  99.29% of 5,028,282" in output(capsys, "count", "model5", "--max-params", "45%resnet18")
    for name in ("resnet20", "3x16-3x32-3x64"):
        assert "100.00% of 272,474 (0 left)" in output(capsys, "count", name, "--max-params", f"100%{name}")
    assert "this is model5 of Pei et al." in output(capsys, "count", "4x64-5x128-3x256")
    words = ("--channels", "1", "--image-size", "28x30", "--classes", "47", "--stem-width", "24", "--table")
    found = json.loads(output(capsys, "count", "--blocks", "2,1", "--widths", "16,40", *words, "--json"))
    assert (found["height"], found["width"], found["classes"], found["stem_width"]) == (28, 30, 47, 24)
    for key in ("params", "macs", "activations"):
        assert sum(layer[key] for layer in found["layers"]) == found[key]


def test_a_name_that_means_another_network_elsewhere_has_a_note(capsys):
    words = ("--image-size", "224", "--classes", "1000")
    text = output(capsys, "count", "ResNet-18", *words)
    assert "parameters   11,681,832\n" in text
    assert "torchvision's has a 7x7 stem of stride 2, 3x3 max-pooling of stride 2" in text
    assert ": 11,689,512 parameters, 1.814 G MACs (3x224x224 images, 1,000 classes)." in text
    typed = ("--blocks", "3,4,6,3", "--widths", "64,128,256,512")
    assert "this is resnet34. The network here is pytorch-cifar's" in output(capsys, "count", *typed)
    assert ": 269,722 parameters, 40.551 M MACs (3x32x32 images, 10 classes)." in output(capsys, "count", "resnet20")
    listed = output(capsys, "count", "classics")
    assert "note: resnet20, resnet32, resnet44, resnet56, resnet110: The network here has a projection" in listed
    assert "note: " not in output(capsys, "count", "2x16-3x64")


def test_fit_notes_it_for_images_of_64_pixels_and_more(capsys):
    words = ("fit", "resnet34", "--max-params", "5e6", "--image-size")
    assert "note: resnet34: The network here is pytorch-cifar's" in output(capsys, *words, "64")
    assert "note" not in output(capsys, *words, "32")
    assert "21,289,802 parameters" in json.loads(output(capsys, *words, "224", "--json"))["note"]
    assert "note" not in output(capsys, "fit", "resnet20", *words[2:], "224")


def test_the_printed_ledger_sums_to_its_last_line(capsys):
    rows = [line.split() for line in output(capsys, "count", "resnet20", "--table").splitlines()]
    total = next(row for row in rows if row[:1] == ["total"])
    end = rows.index(total)
    for column, of_all in ((-5, sum), (-4, sum), (-3, sum), (-2, sum), (-1, max)):  # the last is of live tensors
        numbers = [int(row[column].replace(",", "")) for row in rows[1:end]]
        assert of_all(numbers) == int(total[column].replace(",", ""))


def test_numbers_beyond_64_bits_are_an_error(capsys):
    words = ["--blocks", "1000", "--widths", "65536", "--image-size", "65536"]
    assert main(["count", *words]) == 2
    assert "64 bits" in capsys.readouterr().err
    assert main(["space", "--max-params", "5e6", "--set", "space.widths=[16, 8000]", "--image-size", "65536"]) == 2
    assert "64 bits" in capsys.readouterr().err


def test_a_grid_beyond_memory_names_the_knob(capsys):
    words = ("--set", "space.widths=[1, 8192]", "--set", "space.width_step=1")
    assert main(["space", "--max-params", "5e6", *words]) == 2
    assert "`space.width_step` is 1, which makes 536,870,912 pairs" in capsys.readouterr().err


def test_a_cap_that_no_draw_from_a_fine_grid_meets_is_not_called_infeasible(capsys):
    words = ("--set", "space.width_step=1", "--set", "space.stages=[4, 4]")
    assert main(["space", "--max-params", "100k", *words]) == 1
    error = capsys.readouterr().err
    assert "which 1x16-1x16-1x16-1x16 fits, but no network that was drawn" in error
    assert "coarser `space.width_step`" in error
    assert "smallest   1x16: 5,306 parameters" in output(capsys, "space", "--max-params", "300k", *words[:2])


def test_draws_that_are_not_near_the_cap_say_so(capsys):
    words = ("--set", "space.widths=[16, 16]", "--set", "space.blocks=[1, 1]")
    assert "uniform draws of all that fit" in output(capsys, "space", "--max-params", "5e6", *words)


def test_a_grid_too_fine_to_sort_is_estimated_and_says_so(capsys):
    words = ("space", "--max-params", "5e6", "--set", "space.width_step=2")
    text = output(capsys, *words)
    assert "estimates from uniform draws, with 95 % intervals" in text
    assert " +- " in text
    atlas = json.loads(output(capsys, *words, "--json"))
    assert not atlas["exact"]
    assert atlas["margins"]["90%"]["4"] > 0
