"""An .npz that is wrong in any way: a DataError, nothing unpickled, nothing large read, nothing written anywhere."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
from hostile import damaged, fuzz, only_ours
from hypothesis import example, given
from hypothesis import strategies as st

from budgetnas.config.sections import DataConfig
from budgetnas.data.load import load_dataset
from budgetnas.data.npz import load_npz
from budgetnas.exceptions import DataError

LABELS = np.repeat(np.arange(2), 3)
IMAGES = np.arange(6 * 4 * 4, dtype=np.uint8).reshape(6, 4, 4)
PARTS = {"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES, "y_test": LABELS}
DTYPES = ("u1", "i1", "i8", "u8", "f4", "c8", "?", "O", "U3", "S3", "M8[s]", "V4", ">u1", ">i8", [("a", "u1")], "u1,i4")
SIDES = st.one_of(st.integers(0, 6), st.sampled_from((-1, -(10**9), 10**6, 2**31, 2**32, 2**63, 10**30)))


def npy(array) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asarray(array), allow_pickle=True)
    return file.getvalue()


def header(descr, shape, *, order=False, body=b"", version=1, end="\n") -> bytes:
    """Write a member whose header says anything, over the bytes of any array."""
    text = f"{{'descr': {descr!r}, 'fortran_order': {order!r}, 'shape': {shape!r}, }}{end}".encode()
    length = len(text).to_bytes(2 if version == 1 else 4, "little")
    return b"\x93NUMPY" + bytes((version, 0)) + length + text + body


def packed(members) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as pack:
        for name, content in members:
            pack.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return file.getvalue()


WHOLE = {f"{key}.npy": npy(array) for key, array in PARTS.items()}
SOUND = packed(WHOLE.items())
HEADERS = st.builds(
    header,
    st.sampled_from(DTYPES) | st.text(max_size=4) | st.none(),
    st.lists(SIDES, max_size=5).map(tuple) | st.integers() | st.text(max_size=4) | st.just(("6", 4)),
    order=st.sampled_from((False, True, 3, None)),
    body=st.binary(max_size=120),
    version=st.integers(1, 4),
    end=st.sampled_from(("\n", "", " " * 12_000, "(" * 300, "\\d", "L")),
)
ARRAYS = st.builds(
    lambda kind, shape: npy(np.zeros(shape, dtype=kind)),
    st.sampled_from(DTYPES),
    st.lists(st.integers(0, 6), max_size=5).map(tuple),
)
MEMBERS = st.one_of(HEADERS, ARRAYS, st.binary(max_size=80), st.sampled_from(list(WHOLE.values())).flatmap(damaged))
NAMES = st.sampled_from((*WHOLE, *PARTS, "classes.npy", "classes", "../x.npy", "/etc/x.npy", "..\\x.npy", "x" * 300))


@pytest.fixture
def path(tmp_path):
    (tmp_path / "in").mkdir()
    return tmp_path / "in" / "any.npz"


def read(path, content):
    path.write_bytes(content)
    only_ours(load_npz, path)
    only_ours(load_dataset, DataConfig(dataset=str(path)))
    assert [one.name for one in path.parent.parent.iterdir()] == ["in"]
    assert [one.name for one in path.parent.iterdir()] == ["any.npz"]


@fuzz(60)
@given(st.one_of(st.binary(max_size=200), damaged(SOUND), damaged(SOUND)))
def test_damaged_bytes(path, content):
    read(path, content)


@fuzz(120)
@given(st.lists(st.tuples(NAMES, MEMBERS), max_size=3), st.sampled_from((None, *WHOLE)))
@example([("y_test.npy", npy(LABELS.astype("u8") + 2**63))], None)
@example([("classes.npy", npy(np.array(["a", "b", "\ud800"])))], None)
@example([("x_train.npy", header("|u1", (-6, 4, 4), body=bytes(96)))], None)
@example([("x_train.npy", header("|u1", (6, 4, 4), body=bytes(96), end="\\d"))], None)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_members_that_are_wrong_doubled_gone_or_too_many(path, members, without):
    sound = [(name, content) for name, content in WHOLE.items() if name != without]
    read(path, packed(sound + members))


def test_a_sound_one_is_read_whatever_lies_beside_its_members(path):
    others = [("../x.npy", npy(IMAGES)), ("/tmp/y.npy", b"no array"), ("z.npy", npy(np.array([None], dtype=object)))]
    path.write_bytes(packed([*WHOLE.items(), *others]))
    assert load_npz(path).classes == ("0", "1")
    assert [one.name for one in path.parent.iterdir()] == ["any.npz"]


HUGE = (10**12, 4, 4)


@pytest.mark.parametrize(
    "more",
    [
        [("x_train.npy", header("|u1", HUGE))],
        [("x_train.npy", header("|u1", HUGE)), ("y_train.npy", header("<i8", (-(10**13),)))],
        [("classes.npy", header("<U999", HUGE))],
        [("x_train.npy", header("|u1", (2**32, 2**32, 1)))],
    ],
)
def test_what_says_that_it_is_huge_is_refused_before_it_is_read(path, more):
    path.write_bytes(packed({**WHOLE, **dict(more)}.items()))
    with pytest.raises(DataError, match=r"needs [\d,.]+ GiB in memory"):
        load_npz(path)


def test_what_was_checked_is_what_is_read(path):
    """Numpy reads a member `x_train` in place of `x_train.npy`, whose header was looked at."""
    path.write_bytes(packed([*WHOLE.items(), ("x_train", npy(IMAGES[:1])), ("y_train", b"no array")]))
    assert len(load_npz(path).train) == 6


def test_a_bomb_is_not_unpacked(path):
    """A gigabyte of zeros is a megabyte of zip; what lies behind an array's own bytes is left there."""
    bomb = WHOLE["x_train.npy"] + bytes(10**8)
    path.write_bytes(packed({**WHOLE, "x_train.npy": bomb, "unknown.npy": bomb}.items()))
    assert path.stat().st_size < 10**6
    assert load_npz(path).train.images.shape == (6, 4, 4, 1)


@pytest.mark.parametrize("key", [*PARTS, "classes"])
def test_objects_are_refused_in_every_member(path, key):
    path.write_bytes(packed({**WHOLE, f"{key}.npy": npy(np.array([None] * 6, dtype=object))}.items()))
    with pytest.raises(DataError, match=r"any\.npz` cannot be read as \.npz \(.*(?i:objects?)"):
        load_npz(path)
