from __future__ import annotations

import copy
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.func import functional_call
from torch.nn import functional

from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.models import convolution
from budgetnas.models.build import build_model
from budgetnas.models.convolution import Convolution

LAST = torch.channels_last
DIGITS = DataShape(channels=1, height=8, width=8, classes=4)
SIDES = st.sampled_from([1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16])
FORMULAS = [
    # channels in and out, kernel, stride, side, images
    pytest.param((64, 80, 3, 1, 1, 5), "_Transformed", id="a map of one pixel"),
    pytest.param((64, 80, 3, 1, 2, 5), "_Transformed", id="2x2"),
    pytest.param((64, 80, 3, 1, 4, 5), "_Transformed", id="4x4"),
    pytest.param((64, 80, 3, 1, 8, 70), "_Transformed", id="8x8 in two goes"),
    pytest.param((64, 80, 3, 2, 8, 5), "_Patches", id="from 8x8 to 4x4"),
    pytest.param((64, 80, 3, 2, 4, 5), "_Patches", id="from 4x4 to 2x2"),
    pytest.param((64, 80, 3, 1, 3, 5), "_Patches", id="3x3"),
    pytest.param((64, 80, 1, 2, 4, 5), None, id="a projection"),
    pytest.param((1, 64, 3, 1, 8, 5), None, id="a stem"),
    pytest.param((64, 64, 3, 1, 16, 2), None, id="few channels for the map"),
    pytest.param((64, 64, 3, 1, 7, 2), None, id="7x7"),
]


@pytest.fixture
def any_width(monkeypatch):
    monkeypatch.setattr(convolution, "FEWEST_CHANNELS", 1)


def gradients(conv, x, weight, seed):
    """Return the map, and the gradients of its product with random numbers."""
    x, weight = x.clone(memory_format=torch.preserve_format).requires_grad_(), weight.detach().requires_grad_()
    y = conv(x, weight)
    dy = torch.randn(y.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(y.dtype)
    return y.detach(), *torch.autograd.grad(y, (x, weight), dy)


def both(case, dtype, height=None, groups=1):
    """Return (ours, PyTorch's in float64), each of map, input gradient and weight gradient."""
    inputs, outputs, kernel, stride, side, images = case
    torch.manual_seed(0)
    layer = Convolution(inputs, outputs, kernel, stride=stride, groups=groups).to(dtype, memory_format=LAST)
    x = torch.randn(images, inputs, height or side, side, dtype=dtype).contiguous(memory_format=LAST)

    def ours(x, weight):
        return functional_call(layer, {"weight": weight}, (x,))

    def theirs(x, weight):
        return functional.conv2d(x, weight, stride=stride, padding=kernel // 2, groups=groups)

    return gradients(ours, x, layer.weight, 1), gradients(theirs, x.double(), layer.weight.double(), 1)


def distance(mine, exact):
    return ((mine.double() - exact).abs().max() / exact.abs().max()).item()


@pytest.mark.parametrize("channels", range(1, 20))
def test_a_narrow_projection_has_its_weight_gradient_and_writes_nowhere_else(channels):
    mine, exact = both((channels, 12, 1, 2, 16, 16), torch.float32)
    assert max(map(distance, mine, exact)) < 1e-5


@pytest.mark.usefixtures("any_width")
@settings(deadline=None, max_examples=150)
@given(
    channels=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    kernel=st.sampled_from([1, 3, 5, 7]),
    groups=st.sampled_from([1, 1, 2, 3]),
    stride=st.integers(1, 2),
    sides=st.tuples(SIDES, SIDES),
    images=st.integers(1, 5),
    rows=st.sampled_from([1, 8, 256]),
)
def test_every_formula_is_the_convolution_and_its_two_gradients(channels, kernel, groups, stride, sides, images, rows):
    inputs, outputs = (groups * each for each in channels)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(convolution, "_plane", convolution._Plane)
        patch.setattr(convolution, "ROWS", rows)
        case = inputs, outputs, kernel, stride, sides[0], images
        mine, exact = both(case, torch.float64, height=sides[1], groups=groups)
    for one, other in zip(mine, exact, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-10)


@pytest.mark.usefixtures("any_width")
@pytest.mark.parametrize("sides", [(8, 8), (16, 8), (4, 12), (2, 4)])
def test_tiles_are_exact_too(monkeypatch, sides):
    monkeypatch.setattr(convolution, "_formula", lambda *_: convolution._Transformed)
    mine, exact = both((3, 5, 3, 1, sides[0], 9), torch.float64, height=sides[1])
    for one, other in zip(mine, exact, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-10)


@pytest.mark.parametrize(("case", "formula"), FORMULAS)
def test_shape_chooses_a_formula_whose_float32_is_near(case, formula):
    inputs, outputs, kernel, stride, side, images = case
    weight = torch.zeros(outputs, inputs, kernel, kernel).contiguous(memory_format=LAST)
    chosen = convolution._formula(torch.zeros(images, inputs, side, side), weight, stride)
    assert getattr(chosen, "__name__", None) == formula
    mine, exact = both(case, torch.float32)
    assert all(distance(one, other) < 4e-5 for one, other in zip(mine, exact, strict=True))


@pytest.mark.parametrize(("case", "_formula"), [*FORMULAS[:3], *FORMULAS[4:7]])
def test_bfloat16_is_as_near_as_it_can_be(case, _formula):
    mine, exact = both(case, torch.bfloat16)
    assert {one.dtype for one in mine} == {torch.bfloat16}
    assert all(distance(one, other) < 1e-2 for one, other in zip(mine, exact, strict=True))


@pytest.mark.parametrize(("case", "_formula"), FORMULAS)
def test_a_weight_gradient_lies_in_memory_as_its_weight_does(case, _formula):
    inputs, outputs, kernel, stride, side, images = case
    layer = Convolution(inputs, outputs, kernel, stride=stride).to(memory_format=LAST)
    layer(torch.zeros(images, inputs, side, side)).sum().backward()
    assert layer.weight.grad.is_contiguous(memory_format=LAST)


@pytest.mark.parametrize("needed", ["x", "weight"])
@pytest.mark.parametrize(("case", "_formula"), FORMULAS[:7])
def test_one_gradient_comes_without_the_other(case, _formula, needed):
    inputs, outputs, kernel, stride, side, images = case
    layer = Convolution(inputs, outputs, kernel, stride=stride).to(memory_format=LAST)
    x = torch.ones(images, inputs, side, side, requires_grad=needed == "x")
    layer.weight.requires_grad_(needed == "weight")
    layer(x).sum().backward()
    assert (x.grad is None, layer.weight.grad is None) == (needed != "x", needed != "weight")


@pytest.mark.parametrize("weights", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("case", [(64, 64, 3, 1, side, 2) for side in (1, 2, 4, 8)])
def test_autocast_makes_bfloat16_of_images_and_weights(case, weights):
    layer = Convolution(64, 64, 3)
    work = {"weight": layer.weight.detach().to(weights, memory_format=LAST).requires_grad_()}
    x = torch.randn(2, 64, case[4], case[4], requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        y = functional_call(layer, work, (x,))
    y.sum().backward()
    assert (y.dtype, x.grad.dtype, work["weight"].grad.dtype) == (torch.bfloat16, torch.float32, weights)


def test_autocast_leaves_float64_alone():
    layer = Convolution(64, 64, 3).double().to(memory_format=LAST)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(torch.zeros(1, 64, 4, 4, dtype=torch.float64)).dtype == torch.float64


def plain(model):
    """Copy a network with PyTorch's own convolutions."""
    model = copy.deepcopy(model)
    for module in model.modules():
        if isinstance(module, Convolution):
            module.__class__ = nn.Conv2d
    return model


def network():
    torch.manual_seed(3)
    model = build_model(ResNetSpec(blocks=(1, 2, 1, 1), widths=(64, 64, 72, 80)), DIGITS)
    return model.to(memory_format=LAST)


def trained(model, steps=3):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    generator = torch.Generator().manual_seed(5)
    for _ in range(steps):
        x, labels = torch.randn(16, 1, 8, 8, generator=generator), torch.randint(4, (16,), generator=generator)
        x = x.to(next(model.parameters()).dtype, memory_format=LAST)
        optimizer.zero_grad()
        functional.cross_entropy(model(x), labels).backward()
        optimizer.step()
    return model


@pytest.mark.parametrize(("dtype", "near"), [(torch.float64, 1e-9), (torch.float32, 2e-3)])
def test_a_network_starts_learns_and_answers_as_with_convolutions_of_pytorch(dtype, near):
    ours = network().to(dtype)
    theirs = plain(ours)
    torch.manual_seed(9)
    mine = Convolution(8, 16, 3, stride=2).weight
    torch.manual_seed(9)
    assert torch.equal(mine, nn.Conv2d(8, 16, 3, stride=2, padding=1, bias=False).weight)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    trained(ours), trained(theirs)
    for one, other in zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True):
        torch.testing.assert_close(one, other, rtol=near, atol=near)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(4, 1, 8, 8, dtype=dtype)
    with torch.no_grad():
        assert torch.equal(ours.eval()(x), theirs.eval()(x))


def test_the_same_training_gives_the_same_bits():
    one, other = trained(network()).state_dict(), trained(network()).state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_layer_is_copied_and_pickled():
    layer = Convolution(64, 64, 3).to(memory_format=LAST)
    x = torch.randn(2, 64, 4, 4)
    for again in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert torch.equal(layer(x), again(x))


def test_images_without_a_batch_are_taken_as_pytorch_takes_them():
    assert Convolution(64, 64, 3).to(memory_format=LAST)(torch.zeros(64, 4, 4)).shape == (64, 4, 4)
