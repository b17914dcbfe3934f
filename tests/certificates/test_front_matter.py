"""The YAML block of a model card: read back by a YAML parser, with the numbers of `results.json`."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from made_networks import made
from test_verify import failed, seal

from budgetnas.certificates.certificate import write_certificate
from budgetnas.certificates.front_matter import front_matter, quoted

ARCH = {"id": "1x7-2x11", "dataset": "own"}
OWN = {"validation_accuracy": 0.5, "validation_images": 10, "test_correct": 6, "test_images": 12}


def read(text):
    begin, block, rest = text.split("---\n", 2)
    assert begin == ""
    return yaml.safe_load(block), rest


def front(arch=None, own=None, *, has_onnx=True):
    results = {"this_network": {**OWN, **(own or {})}}
    return read(front_matter({**ARCH, **(arch or {})}, results, has_onnx=has_onnx) + "\n")[0]


def test_a_written_card_opens_with_it_and_has_the_numbers_of_the_results(tmp_path):
    write_certificate(tmp_path / "best", made())
    found, rest = read((tmp_path / "best" / "README.md").read_text())
    assert rest.startswith("\n# 1x7-2x11\n")
    own = json.loads((tmp_path / "best" / "results.json").read_text())["this_network"]
    (model,) = found["model-index"]
    assert model["name"] == "1x7-2x11"
    scores = {result["dataset"]["split"]: result["metrics"] for result in model["results"]}
    assert scores == {
        "test": [{"type": "accuracy", "value": own["test_correct"] / own["test_images"]}],
        "validation": [{"type": "accuracy", "value": own["validation_accuracy"]}],
    }
    assert {result["task"]["type"] for result in model["results"]} == {"image-classification"}
    assert found["license"] == "unknown"
    assert found["library_name"] == "budgetnas"
    assert found["pipeline_tag"] == "image-classification"
    assert found["metrics"] == ["accuracy"]


@pytest.mark.parametrize(("name", "hub"), [("cifar10", "uoft-cs/cifar10"), ("cifar100", "uoft-cs/cifar100")])
def test_data_of_the_hub_are_named_by_their_id_there(name, hub):
    found = front({"dataset": name})
    assert found["datasets"] == [hub]
    assert {result["dataset"]["type"] for result in found["model-index"][0]["results"]} == {hub}


def test_own_data_are_named_but_no_data_set_of_the_hub_is():
    found = front({"dataset": "faces/../my_set: [x]"})
    assert "datasets" not in found
    assert {result["dataset"]["name"] for result in found["model-index"][0]["results"]} == {"faces/../my_set: [x]"}


def test_what_was_not_measured_is_left_out():
    untested = front(own={"test_images": None, "test_correct": None})["model-index"][0]["results"]
    assert [result["dataset"]["split"] for result in untested] == ["validation"]
    assert "model-index" not in front(own={"test_images": None, "validation_accuracy": None})


def test_onnx_is_a_tag_where_the_file_is_there():
    assert ("onnx" in front()["tags"], "onnx" in front(has_onnx=False)["tags"]) == (True, False)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_name_is_read_back(name):
    assert yaml.safe_load(quoted(name)) == name


def test_a_card_of_an_older_version_has_none_and_verifies(tmp_path):
    write_certificate(tmp_path / "best", made())
    block, rest = (tmp_path / "best" / "README.md").read_text().split("---\n\n", 1)
    seal(tmp_path / "best", "README.md", rest.encode())
    assert failed(tmp_path / "best") == {}
    changed = block.replace("value: 0.500000", "value: 0.900000")
    assert changed != block
    seal(tmp_path / "best", "README.md", f"{changed}---\n\n{rest}".encode())
    assert "README.md" in failed(tmp_path / "best")
