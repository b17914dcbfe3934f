from __future__ import annotations

import copy
import importlib
import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from functools import partial
from unittest.mock import patch

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.models import fuse, norm_kernels, norm_triton
from budgetnas.models.build import ResidualSum, build_model
from budgetnas.models.fuse import FusedSequential, fuse_norms
from budgetnas.models.norm_triton import norm_act

SHAPE = DataShape(channels=3, height=16, width=16, classes=5)
SPECS = (
    *("1x8", "s12-2x8", "1x8-2x12", "2x8-1x8-1x16", "s16-1x8-2x9-1x9-1x17"),
    *("n24-d-1x16m8k5g4=1x16m8-2x24m8g8", "2x8t1-2x12t3k5"),
)
GATED = ("d-e4-2x8-1x12", "e4-2x8t1-2x12t3")
ROUNDING = {"float32": 1e-5, "float16": 2e-3, "bfloat16": 1e-2}
MAPS = {"y", "dx", "dresidual"}  # are as exact as their type; all else is float32


@dataclass(frozen=True, kw_only=True)
class Case:
    shape: tuple[int, int, int, int]
    dtype: str = "bfloat16"
    residual: bool = True
    relu: bool = True
    training: bool = True
    mean: float = 1.0

    def __str__(self) -> str:
        words = [word for word in ("residual", "relu", "training") if asdict(self)[word]]
        return "-".join(["x".join(map(str, self.shape)), self.dtype, f"{self.mean:g}", *words])


TINY, MIDDLE = (2, 16, 3, 5), (4, 40, 8, 8)
CASES = [
    *(Case(shape=TINY, dtype=dtype, residual=a, relu=b) for dtype in ROUNDING for a in (0, 1) for b in (0, 1)),
    *(Case(shape=MIDDLE, dtype=dtype, residual=a, training=False) for dtype in ("float32", "bfloat16") for a in (0, 1)),
    Case(shape=MIDDLE, dtype="float32", relu=False, mean=50.0),
    Case(shape=(1, 8, 1, 2), relu=False),
    Case(shape=(3, 251, 7, 9), dtype="float32", residual=False),
    Case(shape=(3, 250, 5, 5)),
    # Several splits, the last of them short.
    Case(shape=(2, 8, 32, 41), residual=False),
    Case(shape=(6, 40, 16, 12), dtype="float32"),
    Case(shape=(2, 130, 16, 17)),
]
SPLIT = Case(shape=(2, 8, 32, 33))
LARGE = [
    Case(shape=(128, 64, 32, 32)),
    Case(shape=(128, 16, 32, 32), residual=False),
    Case(shape=(100, 128, 16, 16)),
    Case(shape=(80, 512, 4, 4), residual=False),
]


def draw(case: Case, device: str) -> tuple[list[Tensor | None], Tensor]:
    """Return what `norm_act` takes, and the gradient of what it gives."""
    generator, channels = torch.Generator().manual_seed(0), case.shape[1]
    x, residual, given = (
        torch.randn(case.shape, generator=generator).to(device).contiguous(memory_format=torch.channels_last)
        for _ in range(3)
    )
    dtype = getattr(torch, case.dtype)
    x = (2 * x + case.mean).to(dtype)
    weight, bias, mean, var = (torch.rand(channels, generator=generator).to(device) + 0.5 for _ in range(4))
    return [x, weight, bias, mean, var, residual.to(dtype) if case.residual else None], given.to(dtype)


def results(function, case: Case, drawn: list[Tensor | None], given: Tensor) -> dict[str, Tensor]:
    x, weight, bias, mean, var, residual = (None if t is None else t.clone() for t in drawn)
    learnt = {"dx": x, "dweight": weight, "dbias": bias, "dresidual": residual}
    for tensor in filter(lambda tensor: tensor is not None, learnt.values()):
        tensor.requires_grad_()
    y = function(x, weight, bias, mean, var, residual, case.relu, case.training, 0.1, 1e-5)
    y.backward(given)
    gradients = {name: tensor.grad for name, tensor in learnt.items() if tensor is not None}
    return {"y": y.detach(), "mean": mean, "var": var, **gradients}


def exact(x, weight, bias, mean, var, residual, relu, training, momentum, eps):
    y = functional.batch_norm(x, mean, var, weight, bias, training, momentum, eps)
    y = y if residual is None else y + residual
    return y.relu() if relu else y


def measure(case: Case, device: str) -> dict[str, float]:
    """Return the largest error of each result of the kernels, as a share of the largest exact value."""
    drawn, given = draw(case, device)
    measured = results(norm_triton._NormAct.apply, case, drawn, given)
    assert measured["y"].is_contiguous(memory_format=torch.channels_last)
    expected = results(exact, case, [None if t is None else t.double() for t in drawn], given.double())
    return {
        name: float((measured[name].double() - value).abs().max() / value.abs().max().clamp(min=1e-3))
        for name, value in expected.items()
    }


def repeats(case: Case, device: str) -> bool:
    """Say whether all results come out the same twice, bit for bit."""
    drawn, given = draw(case, device)
    first, second = (results(norm_triton._NormAct.apply, case, drawn, given) for _ in range(2))
    return all(torch.equal(first[name], second[name]) for name in first)


def check(case: Case, errors: dict[str, float]) -> None:
    assert len(errors) == 6 + case.residual
    for name, error in errors.items():
        assert error <= (ROUNDING[case.dtype] if name in MAPS else 1e-5), (name, errors)


def keeps_nan() -> bool:
    """Say whether a NaN comes out as one: a training that diverged must not look healthy."""
    case = Case(shape=TINY)
    drawn, _ = draw(case, "cpu")
    drawn[0][0, 3, 0, 0] = torch.nan
    y = norm_triton._NormAct.apply(*drawn, True, True, 0.1, 1e-5)
    return y.isnan().nonzero()[:, 1].unique().tolist() == [3]


def compiled() -> dict[str, list[int]]:
    """Compile for an H100 what training and scoring networks of many shapes start; count the kernels after each."""
    from triton.backends.compiler import GPUTarget
    from triton.runtime import driver

    class NoGpu:
        get_current_device = staticmethod(lambda: 0)
        get_current_stream = staticmethod(lambda device: 0)
        get_current_target = staticmethod(lambda: GPUTarget("cuda", 90, 32))

    def launch(self, kernel, *tensors, **numbers):
        sizes = {name: getattr(self, name) for name in ("count", "units", "each", "align", "height", "width")}
        kernel.warmup(*tensors, **numbers, **sizes, num_warps=norm_triton.WARPS, grid=(1, 1))

    driver.set_active(NoGpu())
    kernels = [getattr(norm_kernels, name) for name in ("moments", "apply", "sums", "gradients")]
    counts: dict[str, list[int]] = {kernel.fn.__name__: [] for kernel in kernels}
    with patch.object(norm_triton._Cut, "launch", launch):
        for batch, side in ((1, 1), (2, 4), (3, 7), (2, 32)):
            for channels in (8, 16, 104, 136):
                for residual, training in ((False, True), (True, True), (True, False)):
                    case = Case(shape=(batch + 1, channels, side, side), residual=residual, training=training)
                    results(norm_triton._NormAct.apply, case, *draw(case, "cpu"))
            for kernel in kernels:
                counts[kernel.fn.__name__].append(len(kernel.device_caches[0][0]))
    return counts


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Run this file as a program, in a process of its own: how Triton works is settled when it is imported."""
    if not norm_kernels.HAS_TRITON:
        pytest.skip("Triton is not installed")

    def run(what: str, **environment: str) -> dict:
        environment |= {"TRITON_CACHE_DIR": str(tmp_path_factory.mktemp("triton"))}
        command, env = [sys.executable, __file__, what], {**os.environ, **environment}
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        if "only 0-dimensional arrays can be converted" in done.stderr:
            pytest.skip("the interpreter of this Triton does not know this NumPy")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.fixture(scope="module")
def interpreted(ran):
    return ran("measure", TRITON_INTERPRET="1")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_kernels_agree_with_float64_in_the_interpreter(interpreted, case):
    check(case, interpreted[str(case)])


def test_a_nan_stays_one_and_bits_repeat(interpreted):
    assert interpreted["keeps_nan"]
    assert interpreted["repeats"]


def test_a_new_architecture_compiles_nothing_new(ran):
    counts = ran("compile")
    # Widths 16, 32 and 64, with and without a residual where that matters.
    assert counts == {"moments": [3] * 4, "apply": [6] * 4, "sums": [6] * 4, "gradients": [3] * 4}


gpu = [pytest.mark.gpu, pytest.mark.skipif(not norm_triton.is_available(), reason="no CUDA device, or no Triton")]
on_a_gpu = partial(pytest.param, marks=gpu)


@pytest.mark.parametrize("case", [on_a_gpu(case, id=str(case)) for case in CASES + LARGE])
def test_the_kernels_agree_with_float64_on_a_gpu(case):
    check(case, measure(case, "cuda"))
    assert repeats(case, "cuda")


@pytest.mark.parametrize("spec", [on_a_gpu("1x16-2x40")])
@pytest.mark.filterwarnings("ignore:Synchronization debug mode is a prototype")
def test_a_recorded_network_gives_the_same_without_waiting(spec):
    model = fuse_norms(build_model(ResNetSpec.from_id(spec), SHAPE)).to("cuda", memory_format=torch.channels_last)
    images = torch.randn(64, 3, 16, 16, device="cuda").contiguous(memory_format=torch.channels_last)
    start = copy.deepcopy(model.state_dict())

    def step() -> list[Tensor]:
        with torch.autocast("cuda", torch.bfloat16, cache_enabled=False):
            loss = model(images).float().square().mean()
        return [loss, *torch.autograd.grad(loss, list(model.parameters()))]

    torch.backends.cudnn.deterministic = True
    try:
        with torch.cuda.stream(torch.cuda.Stream()):
            step()  # compiles
            model.load_state_dict(start)
            torch.cuda.set_sync_debug_mode("error")
            eager = step()
            torch.cuda.set_sync_debug_mode("default")
            moved = copy.deepcopy(model.state_dict())
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, stream=torch.cuda.current_stream()):
                recorded = step()
            model.load_state_dict(start)
            graph.replay()
            torch.cuda.synchronize()
    finally:
        torch.cuda.set_sync_debug_mode("default")
        torch.backends.cudnn.deterministic = False
    assert all(map(torch.equal, eager, recorded))
    assert all(map(torch.equal, moved.values(), model.state_dict().values()))


def twins(text: str) -> tuple[nn.Sequential, FusedSequential]:
    torch.manual_seed(0)
    plain = build_model(ResNetSpec.from_id(text), SHAPE).to(memory_format=torch.channels_last)
    return plain, fuse_norms(copy.deepcopy(plain))


def values(model: nn.Module) -> list[Tensor]:
    return [value for name, value in model.state_dict().items() if not name.endswith("num_batches_tracked")]


@pytest.mark.parametrize("bf16", [False, True], ids=["fp32", "bf16"])
@pytest.mark.parametrize("text", SPECS + GATED)
def test_a_fused_network_learns_the_same_bits_on_a_cpu(text, bf16):
    models = twins(text)
    optimizers = [torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4) for model in models]
    generator = torch.Generator().manual_seed(1)
    for _ in range(3):
        images, labels = torch.randn(8, 3, 16, 16, generator=generator), torch.arange(8) % 5
        outputs = []
        for model, optimizer in zip(models, optimizers, strict=True):
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                outputs.append(model(images))
            optimizer.zero_grad()
            functional.cross_entropy(outputs[-1].float(), labels).backward()
            optimizer.step()
        gradients = ([parameter.grad for parameter in model.parameters()] for model in models)
        assert torch.equal(*outputs)
        assert all(map(torch.equal, *gradients))
    assert all(map(torch.equal, *map(values, models)))
    for model in models:
        model.eval()
    assert torch.equal(*(model(images) for model in models))


@pytest.mark.parametrize("text", SPECS + GATED)
def test_names_and_order_stay(text):
    plain, fused = twins(text)
    for names in (nn.Module.state_dict, lambda m: dict(m.named_parameters()), lambda m: dict(m.named_buffers())):
        assert list(names(plain)) == list(names(fused))
    fused.load_state_dict(plain.state_dict())
    again = copy.deepcopy(fused)
    assert torch.equal(again.eval()(torch.ones(2, 3, 16, 16)), plain.eval()(torch.ones(2, 3, 16, 16)))


@pytest.mark.parametrize("text", SPECS)
def test_every_norm_is_fused_and_no_rectifier_is_left(text, monkeypatch):
    plain, fused = twins(text)
    calls = []
    monkeypatch.setattr(fuse, "norm_act", lambda *given, **how: calls.append(how) or norm_act(*given, **how))
    for layer in fused.modules():
        if isinstance(layer, nn.ReLU | nn.BatchNorm2d):
            layer.register_forward_hook(lambda *given: pytest.fail("a layer ran by itself"))
    fused(torch.zeros(2, 3, 16, 16))
    norms, rectifiers, sums = (
        sum(isinstance(layer, kind) for layer in plain.modules()) for kind in (nn.BatchNorm2d, nn.ReLU, ResidualSum)
    )
    assert len(calls) == norms
    assert sum(how["relu"] for how in calls) == rectifiers
    assert sum(how["residual"] is not None for how in calls) == sums


def test_both_share_their_layers_and_weights_can_be_swapped_for_a_call():
    plain, _ = twins("1x8-1x12")
    fused = fuse_norms(plain.eval())
    assert not fused.training
    assert list(map(id, fused.parameters())) == list(map(id, plain.parameters()))
    doubled = {name: 2 * parameter for name, parameter in plain.named_parameters()}
    images = torch.ones(2, 3, 16, 16)
    assert torch.equal(functional_call(fused, doubled, (images,)), functional_call(plain, doubled, (images,)))


def test_what_cannot_be_fused_runs_as_it_is():
    relu = nn.ReLU()
    odd = nn.BatchNorm2d(4, momentum=None)
    body = nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4, affine=False))
    plain = nn.Sequential(odd, relu, ResidualSum(body, nn.Identity()), relu, relu, nn.BatchNorm2d(4), nn.Identity())
    fused = fuse_norms(copy.deepcopy(plain))
    images = torch.randn(3, 4, 5, 5)
    assert torch.equal(plain(images), fused(images))
    assert all(map(torch.equal, values(plain), values(fused)))
    assert fused[0].num_batches_tracked == 1


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"x": torch.zeros(4, 3)}, r"`x` is \[4, 3\] float32, but must have 4 dimensions"),
        ({"x": torch.zeros(4, 3, 2, 2).double()}, r"`x` is .* float64, but must"),
        ({"bias": torch.zeros(3).bfloat16()}, r"`bias` is \[3\] bfloat16, but must be float32, one for each of 3\."),
        ({"running_var": torch.zeros(4)}, r"`running_var` is \[4\] float32, but must"),
        ({"residual": torch.zeros(4, 3, 2, 1)}, r"`residual` is \[4, 3, 2, 1\] float32, but must be as `x`"),
        ({"x": torch.zeros(1, 3, 1, 1)}, r"`x` is \[1, 3, 1, 1\] float32, but training needs more than one value"),
    ],
)
def test_the_kernels_are_not_started_with_what_they_cannot_read(change, told):
    vectors = dict.fromkeys(("weight", "bias", "running_mean", "running_var"), torch.zeros(3))
    given = {"x": torch.zeros(4, 3, 2, 2), **vectors, "residual": None, **change}
    with pytest.raises(ValueError, match=told):
        norm_triton._check(*given.values(), training=True)


def test_the_modules_work_without_triton(monkeypatch):
    names = ("norm_kernels", "norm_triton", "fuse")
    monkeypatch.setitem(sys.modules, "triton", None)
    for name in names:
        monkeypatch.delitem(sys.modules, f"budgetnas.models.{name}")
    kernels, norms, fused = (importlib.import_module(f"budgetnas.models.{name}") for name in names)
    assert not kernels.HAS_TRITON
    assert not norms.is_available()
    images = torch.randn(2, 3, 16, 16)
    plain, _ = twins("1x8")
    assert torch.equal(fused.fuse_norms(plain)(images), plain(images))


if __name__ == "__main__":
    if sys.argv[1] == "compile":
        print(json.dumps(compiled()))
    else:
        measured = {str(case): measure(case, "cpu") for case in CASES}
        print(json.dumps(measured | {"keeps_nan": keeps_nan(), "repeats": repeats(SPLIT, "cpu")}))
