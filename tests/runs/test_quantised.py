from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
from safetensors.torch import save

from budgetnas.arch.spec import ResNetSpec
from budgetnas.certificates.certificate import CertifiedNetwork, onnx_of
from budgetnas.certificates.onnx_files import answers, check_answers, check_calibration
from budgetnas.cli.main import main
from budgetnas.config.recipe import Recipe
from budgetnas.config.sections import DataConfig
from budgetnas.data.dataset import normalisation
from budgetnas.data.load import load_dataset
from budgetnas.exceptions import DataError, StorageError, UsageError
from budgetnas.models.build import build_model, pack, read_state
from budgetnas.runs.quantised import check_quantisation, quantised_file
from budgetnas.trials.facts import Look

pytest.importorskip("onnx", reason="onnx is in the extra `onnx`")
pytest.importorskip("onnxruntime", reason="onnxruntime is in the extra `onnx`")

SPEC = ResNetSpec(blocks=(1, 1), widths=(8, 16))


@pytest.fixture(scope="module")
def digits():
    return load_dataset(DataConfig(dataset="digits"))


@pytest.fixture(scope="module")
def net(digits):
    """A network that learned digits a little, with the statistics of a real training."""
    import torch

    mean, std = normalisation(digits, Recipe())
    torch.manual_seed(0)
    model = build_model(SPEC, digits.shape)
    images = torch.from_numpy(np.ascontiguousarray(digits.train.images.transpose(0, 3, 1, 2))).float()
    images = (images - torch.tensor(mean).view(1, -1, 1, 1)) / torch.tensor(std).view(1, -1, 1, 1)
    labels = torch.from_numpy(digits.train.labels)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    for _ in range(6):
        for batch in torch.randperm(len(labels)).split(64):
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(model(images[batch]), labels[batch]).backward()
            optimiser.step()
    own = {"trial": 3, "validation_images": len(digits.validation), "test_images": len(digits.test)}
    return CertifiedNetwork(
        spec=SPEC, shape=digits.shape, classes=digits.classes, dataset="digits", fingerprint=digits.fingerprint,
        source=DataConfig(dataset="digits"), notice="", mean=mean, std=std, weights=pack(model.eval()),
        recipe=Recipe(), budget=None, results={"this_network": own, "chosen": {"test_looks": 4}}, provenance={},
    )  # fmt: skip


class Recorded:
    """Looks, kept as a study keeps them."""

    def __init__(self):
        self.looks = {"full/1:0": Look(correct=1, images=2)}
        self.made = 0

    def __call__(self, key, read):
        if key not in self.looks:
            self.made += 1
            self.looks[key] = read()
        return self.looks[key], len(self.looks)


def plain(net):
    return onnx_of(net, with_preprocessing=False, fold_norms=False)


@pytest.fixture(scope="module")
def made(net):
    record = Recorded()
    return quantised_file(net, plain(net), "int8", record), record


def test_int8_says_nearly_what_fp32_says_on_digits(made, net, digits):
    found, _ = made
    both = plain(net), found.content
    for split in (digits.validation, digits.test):
        fp32, int8 = (answers(content, split, net.arch()) for content in both)
        assert fp32.correct / len(split) > 0.85
        assert np.mean(fp32.right == int8.right) > 0.97
    assert len(found.content) < len(both[0]) / 2


def test_it_records_accuracies_sizes_and_one_look(made, net, digits):
    found, record = made
    assert record.made == 1
    assert found.looks == 2
    ((key, look),) = [one for one in record.looks.items() if one[0].startswith("int8/3:")]
    facts = found.measured["model.int8.onnx"]
    assert (facts["test_correct"], facts["test_images"]) == (look.correct, len(digits.test))
    assert facts["validation_images"] == len(digits.validation)
    assert facts["calibration"]["split"] == "train"
    assert found.results(net.results)["chosen"] == {"test_looks": 2}
    again = quantised_file(net, plain(net), "int8", record)
    assert again.content == found.content
    assert (record.made, again.looks) == (1, 2)
    assert key in record.looks


def test_fp16_says_what_fp32_says_without_calibration(net, digits):
    record = Recorded()
    found = quantised_file(net, plain(net), "fp16", record)
    assert found.name == "model.fp16.onnx"
    facts = found.measured[found.name]
    assert "calibration" not in facts
    assert [key for key in record.looks if key.startswith("fp16/3:")]
    fp32, fp16 = (answers(content, digits.test, net.arch()) for content in (plain(net), found.content))
    assert np.abs(fp32.right != fp16.right).sum() <= 2
    state = read_state(net.weights)
    state["0.weight"] = state["0.weight"] * 1e9
    with pytest.raises(DataError, match="is more than fp16 holds: take int8"):
        quantised_file(replace(net, weights=save(state)), plain(net), "fp16", record)


def test_the_test_set_is_not_read_where_it_was_not_read_before(net):
    own = {**net.results["this_network"], "test_images": 0, "validation_images": None}
    record = Recorded()
    found = quantised_file(replace(net, results={"this_network": own, "chosen": None}), plain(net), "int8", record)
    assert (record.made, found.looks) == (0, None)
    assert set(found.measured["model.int8.onnx"]) == {"calibration"}
    assert found.measured["model.onnx"] == {}
    assert found.results({"chosen": None}) == {"chosen": None}


def test_ranges_of_other_images_and_other_numbers_of_right_answers_are_found(made, net, digits):
    found, _ = made
    state, arch = read_state(net.weights), net.arch()
    facts = found.measured["model.int8.onnx"]
    assert "training images" in check_calibration(found.content, net.spec, net.shape, state, digits.train, arch)
    with pytest.raises(StorageError, match="has another range than on 359 training images"):
        check_calibration(found.content, net.spec, net.shape, state, digits.test, arch)
    assert "recorded" in check_answers(found.content, digits.test, arch, facts)
    with pytest.raises(StorageError, match=r"of 359 right, 3 of 359 recorded"):
        check_answers(found.content, digits.test, arch, {**facts, "test_correct": 3})


def test_other_data_and_unknown_data_are_refused(net):
    with pytest.raises(DataError, match="its fingerprint differs"):
        quantised_file(replace(net, source=DataConfig(dataset="digits", subset=20)), b"", "int8", Recorded())
    with pytest.raises(DataError, match="an older version made the run"):
        quantised_file(replace(net, source=None), b"", "int8", Recorded())


def test_a_precision_that_is_not_known_is_refused():
    check_quantisation(None)
    check_quantisation("int8")
    for other in ("int4", "", 8):
        with pytest.raises(UsageError, match="must be int8 or fp16") as refused:
            check_quantisation(other)
        assert refused.value.argument == "quantize"


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_without_the_extra_nothing_is_read_or_written(package, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)  # as if not installed
    monkeypatch.chdir(tmp_path)
    assert main(["export", "no-run", "--out", "net", "--quantize", "int8"]) == 2
    rule = f"{package} is not installed, which it needs: pip install 'budgetnas[onnx]', or leave it out."
    assert capsys.readouterr().err == f"budgetnas: `--quantize` is int8, but {rule}\n"
    assert list(tmp_path.iterdir()) == []
