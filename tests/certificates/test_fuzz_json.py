"""A certificate that is wrong in any way, sealed anew or not: failed checks and errors of ours, never another."""

from __future__ import annotations

import io
import json
import os

import pytest
from hostile import EDITS, HARMS, damaged, deep, edited, fuzz, harmed, only_ours
from hypothesis import example, given
from hypothesis import strategies as st
from made_networks import made
from PIL import Image

from budgetnas.arch.spec import DataShape
from budgetnas.certificates.certificate import load_certificate, write_certificate
from budgetnas.certificates.inputs import InputImage
from budgetnas.certificates.json_files import own_digest, read_manifest
from budgetnas.certificates.verify import verify
from budgetnas.cli.main import main
from budgetnas.exceptions import BudgetNASError, StorageError
from budgetnas.models.build import read_state
from budgetnas.storage.files import digest

JSON = ("arch.json", "results.json", "MANIFEST.json")


class Files(dict):
    """Content by name, too much to be written out beside a failure."""

    def __repr__(self):
        return f"Files({', '.join(self)})"


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """The files of a certificate, without ONNX, which has tests of its own."""
    folder = tmp_path_factory.mktemp("sound") / "best"
    write_certificate(folder, made())
    files = Files({path.name: path.read_bytes() for path in folder.iterdir() if path.name != "model.onnx"})
    manifest = json.loads(files["MANIFEST.json"])
    manifest["files"].pop("model.onnx", None)
    files["MANIFEST.json"] = json.dumps({**manifest, "digest": own_digest(manifest)}).encode()
    return files


@pytest.fixture
def folder(sound, tmp_path):
    (tmp_path / "best").mkdir()
    put(tmp_path / "best", sound)
    Image.new("RGB", (9, 9)).save(tmp_path / "image.png")
    return tmp_path / "best"


def put(folder, files):
    for name, content in files.items():
        (folder / name).write_bytes(content)


def sealed(files, name, content):
    """Put other content into a file and make the manifest say so."""
    if name == "MANIFEST.json":
        return {**files, name: content}
    manifest = json.loads(files["MANIFEST.json"])
    manifest["files"][name] = {"sha256": digest(content), "bytes": len(content)}
    return {**files, name: content, "MANIFEST.json": signed(manifest)}


def signed(manifest):
    """Write a manifest under its own digest, if it has one."""
    try:
        return json.dumps({**manifest, "digest": own_digest(manifest)}).encode()
    except (AttributeError, RecursionError, TypeError, ValueError):  # no digest that we would make
        return json.dumps(manifest).encode()


def use(folder):
    """Do all that is done with a certificate."""
    for check in verify(folder):
        assert isinstance(check.finding, str)
    only_ours(read_manifest, folder)
    loaded = only_ours(load_certificate, folder)
    if loaded is not None:
        only_ours(InputImage(id="1", path=str(folder.parent / "image.png")).read, DataShape(**loaded[1]["shape"]))


def written(content):
    return json.dumps(content).encode()


@fuzz(30)
@given(st.sampled_from(JSON), EDITS)
def test_values_of_json(sound, folder, name, edits):
    content = edited(json.loads(sound[name]), edits)
    put(folder, sealed(sound, name, (signed if name == "MANIFEST.json" else written)(content)))
    use(folder)


@fuzz(15)
@given(st.sampled_from(JSON), HARMS)
def test_bytes_of_json(sound, folder, name, harms):
    put(folder, sealed(sound, name, harmed(sound[name], harms)))
    use(folder)


def changed(files, name, **values):
    return written({**json.loads(files[name]), **values})


@pytest.mark.parametrize(
    "values",
    [
        {"max_params": "10"},
        {"max_params": [1]},
        {"max_params": 10**400},
        {"notice": 5},
        {"classes": ["a", "b", "c", "\ud800"]},
        {"classes": [1, 2, 3, 4]},
        {"dataset": deep(50)},
        {"normalisation": {"mean": [1, 2, 3], "std": [1, 0, 1], "of": ""}},
        {"normalisation": {"mean": [1, 2, float("nan")], "std": [1, 1, 1], "of": ""}},
        {"normalisation": {"mean": [1, 2, 10**400], "std": [1, 1, 1], "of": ""}},
        {"shape": {"channels": 3, "height": 65_536, "width": 65_536, "classes": 4}},
        {"spec": {"blocks": [1, 2], "widths": [7, True], "stem_width": 7}},
        {"spec": {"blocks": [1, 2], "widths": [7, 11]}},
        {"shape": {"height": 9, "width": 9, "classes": 4}},
    ],
)
def test_a_wrong_value_of_the_architecture_is_refused(sound, folder, values):
    put(folder, sealed(sound, "arch.json", changed(sound, "arch.json", **values)))
    assert any(check.passed is False and check.name == "arch.json" for check in verify(folder))
    with pytest.raises(StorageError, match=r"arch\.json` is (no architecture of this program|damaged) \("):
        load_certificate(folder)


def test_a_network_of_any_size_takes_no_memory_before_its_weights_are_held_to_it(sound, folder):
    spec = {"blocks": [1, 2], "widths": [65_536, 65_536], "stem_width": 65_536}
    put(folder, sealed(sound, "arch.json", changed(sound, "arch.json", spec=spec)))
    with pytest.raises(BudgetNASError, match=r"in another size than `1x65536-2x65536`"):
        load_certificate(folder)
    assert any(check.name == "model.safetensors" and check.passed is False for check in verify(folder))


@pytest.mark.parametrize("values", [{"x": float("nan")}, {"x": "\ud800"}, {"files": {}}, {"data": None}, {"files": []}])
def test_a_manifest_that_we_never_write_is_refused(sound, folder, values):
    put(folder, {"MANIFEST.json": signed({**json.loads(sound["MANIFEST.json"]), **values})})
    assert any(check.passed is False for check in verify(folder))


@pytest.mark.parametrize(
    "name", ["../x", "/etc/passwd", "a/b", "..\\x", "C:\\x", "a\0b", "\ud800", "..", ".", "", "\x1b"]
)
def test_a_name_that_is_no_plain_one_is_refused(sound, folder, name):
    manifest = json.loads(sound["MANIFEST.json"])
    manifest["files"][name] = {"sha256": digest(b""), "bytes": 0}
    put(folder, {"MANIFEST.json": signed(manifest)})
    with pytest.raises(StorageError):
        read_manifest(folder)


@pytest.mark.parametrize("name", ["arch.json", "model.safetensors", "results.json"])
def test_a_link_out_of_the_folder_is_not_followed(sound, folder, name):
    """Even to a file of the same content: what the folder holds is what was published."""
    (folder.parent / "elsewhere").write_bytes(sound[name])
    (folder / name).unlink()
    (folder / name).symlink_to("../elsewhere")
    told = [check.finding for check in verify(folder) if check.passed is False and check.name == name]
    assert "lies outside it" in told[0]
    if name != "results.json":
        with pytest.raises(StorageError, match="lies outside it"):
            load_certificate(folder)


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(folder):
    (folder / "arch.json").unlink()
    os.mkfifo(folder / "arch.json")
    with pytest.raises(StorageError, match="it is no file"):
        load_certificate(folder)


@fuzz(60)
@given(HARMS)
def test_weights(sound, harms):
    only_ours(read_state, harmed(sound["model.safetensors"], harms))


@fuzz(30)
@given(st.binary(max_size=60).map(lambda text: len(text).to_bytes(8, "little") + text) | st.binary(max_size=20))
@example(b'\x08\0\0\0\0\0\0\0{"a":{}}')
def test_bytes_as_weights(content):
    only_ours(read_state, content)


def image(kind, size=(9, 9)):
    file = io.BytesIO()
    Image.new("RGB", size, (1, 2, 3)).save(file, kind)
    return file.getvalue()


@fuzz(80)
@given(st.one_of(damaged(image("PNG")), damaged(image("JPEG")), st.binary(max_size=40)), st.sampled_from((1, 2, 3)))
def test_image_files(tmp_path, content, channels):
    (tmp_path / "any.png").write_bytes(content)
    shape = DataShape(channels=channels, height=3, width=4, classes=2)
    only_ours(InputImage(id="any", path=str(tmp_path / "any.png")).read, shape)


def test_a_network_of_other_channels_says_that_it_sees_no_image_files(tmp_path):
    (tmp_path / "any.png").write_bytes(image("PNG"))
    shape = DataShape(channels=2, height=3, width=4, classes=2)
    with pytest.raises(BudgetNASError, match=r"only networks of 1 \(grey\) or 3 \(colour\) see images"):
        InputImage(id="any", path=str(tmp_path / "any.png")).read(shape)


def test_what_a_foreign_folder_says_cannot_move_the_cursor(sound, folder, capsys):
    classes = ["\x1b[2J", "b\n\rc", "é", "d"]
    put(folder, sealed(sound, "arch.json", changed(sound, "arch.json", classes=classes, notice="\x1b]0;x\x07")))
    assert main(["predict", str(folder), str(folder.parent / "image.png"), "--top", "4"]) == 0
    out = capsys.readouterr().out
    assert "\\x1b[2J" in out
    assert "b\\n\\rc" in out
    assert "é" in out
    assert out.count("\n") == 2
    assert "\x1b" not in out
    put(folder, sealed(sound, "arch.json", changed(sound, "arch.json", id="\x1b[2J")))
    (folder / "\x1b[1m").touch()
    assert main(["verify", str(folder)]) == 1
    assert "\x1b" not in capsys.readouterr().out
