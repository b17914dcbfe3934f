"""Training speed beside a plain loop in the style of pytorch-cifar, or beside another checkout, on the same machine.

    python tests/benchmarks/train_speed.py [--device cuda] [--images 2560] [--steps 4] [--rounds 3]
    python tests/benchmarks/train_speed.py --against CHECKOUT [--rounds 5] [--epochs 3] [--rows digits]

The plain loop: torchvision's transforms image by image, a DataLoader with two workers, fp32, contiguous tensors. Ours:
the `paper200` recipe in fp32, and in bf16 where the device multiplies it natively. Batches of 128 random images of
3x32x32, and on a CPU of 64 of 1x8x8, as digits are: what they show does not matter. Ratios are medians over rounds, in
each of which all are timed one after the other.

With `--against`, a process of this checkout and one of the other train the same networks in turn by what both offer,
`perform`, in batches of 32 (3x32x32) or 64 (1x8x8); the first epoch of a training does not count. On shared cores
images per CPU second say more than images per second.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.config.recipe import Recipe, load_recipe
from budgetnas.config.sections import DataConfig
from budgetnas.data.load import load_dataset
from budgetnas.models.build import build_model
from budgetnas.training.device import resolve_precision
from budgetnas.training.perform import perform
from budgetnas.training.tasks import Phase, Setting, TrainTask  # where older checkouts have them

CIFAR = {"model 5": "4x64-5x128-3x256", "3,3,3 / 16,32,64": "3x16-3x32-3x64"}
DIGITS = ("4x64-5x128-3x256", "2x128-4x256-1x336", "6x48-3x192-3x296", "3x160-1x160-1x496")
BATCH, DIGITS_BATCH = 128, 64
AGAINST_IMAGES = {32: 256, 8: 1152}  # by their side: an epoch of 8 batches of 32, or of 18 of 64
AGAINST_BATCH = {32: 32, 8: 64}
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, kw_only=True, slots=True)
class Spent:
    """Seconds by the clock on the wall, and of this process on its processors."""

    wall: float
    cpu: float


@contextmanager
def timed() -> Iterator[list[Spent]]:
    """Give a list that has the time of what was done inside, afterwards."""
    spent, wall, cpu = list[Spent](), time.perf_counter(), time.process_time()
    yield spent
    spent.append(Spent(wall=time.perf_counter() - wall, cpu=time.process_time() - cpu))


class PerImage(Dataset):
    """Images decoded and augmented one by one, as torchvision's CIFAR10 is."""

    def __init__(self, images: np.ndarray, labels: np.ndarray, change: Any) -> None:
        self._images, self._labels, self._change = images, labels, change

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, int]:
        from PIL import Image

        return self._change(Image.fromarray(self._images[i])), int(self._labels[i])


def plain_loop(spec: ResNetSpec, data: Any, device: str) -> Callable[[int], float]:
    """Return a function that trains some steps and returns the seconds they took."""
    from torchvision import transforms

    recipe = load_recipe("paper200")
    change = transforms.Compose(
        [
            transforms.RandomCrop(32, padding=4),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize(recipe.mean, recipe.std),
        ]
    )
    loader = DataLoader(PerImage(data.train.images, data.train.labels, change), BATCH, shuffle=True, num_workers=2)
    model = build_model(spec, DataShape()).to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)

    def run(steps: int) -> float:
        model.train()
        batches = iter(loader)
        next(batches)  # the workers have started
        started = time.perf_counter()
        for _ in range(steps):
            images, labels = (part.to(device) for part in next(batches))
            optimizer.zero_grad()
            loss = functional.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
            loss.item()  # as the original does, for its progress bar
        return time.perf_counter() - started

    return run


class OurLoop:
    """The loop of a training without its evaluation, on all images that there are.

    Args:
        spec: the network.
        data: the data set.
        recipe: with its precision decided.
        device: "cpu" or "cuda".
    """

    def __init__(self, spec: ResNetSpec, data: Any, recipe: Recipe, device: str) -> None:
        from budgetnas.training.graphs import shared_pool
        from budgetnas.training.learner import Learner
        from budgetnas.training.loop import new_model

        self._data, self._recipe, self._device = data, recipe, device
        how: Any = {"records": device == "cuda", "pool": shared_pool(device)}
        self._learner = Learner(new_model(spec, data, device).train(), recipe, bf16=recipe.precision == "bf16", **how)

    def __call__(self, number: int) -> Spent:
        """Train so many steps."""
        with timed() as spent:
            for step, batch in enumerate(self._batches(number)):
                self._learner.step(*batch, lr=self._recipe.lr, number=step + 1)
            self._learner.read(number)
        return spent[0]

    def prepare(self, number: int) -> Spent:
        """Make the batches of so many steps, and train on none."""
        with timed() as spent:
            for _ in self._batches(number):
                pass
            if self._device == "cuda":
                torch.cuda.synchronize()
        return spent[0]

    def _batches(self, number: int) -> Iterator[Any]:
        from budgetnas.data.dataset import normalisation
        from budgetnas.training.images import Augmenter, Feed, Normaliser, batch_bounds, to_device

        data, recipe, generator = self._data, self._recipe, torch.Generator().manual_seed(0)
        normalise = Normaliser(*normalisation(data, recipe), self._device)

        def draw() -> Augmenter:
            images = to_device(data.train, self._device)
            classes = data.shape.classes
            how: Any = {"recipe": recipe, "traits": data.traits, "normalise": normalise, "classes": classes}
            return Augmenter(*images, generator=generator, **how)

        bounds = batch_bounds(number * recipe.batch_size, recipe.batch_size)
        feed = Feed(draw, bounds, values=data.shape.values, generator=generator, device=self._device)
        return feed.epoch()


def random_npz(path: Path, *, images: int, side: int, channels: int) -> DataConfig:
    """Write random images of ten classes; return how to load them."""
    rng, labels = np.random.default_rng(0), np.arange(images) % 10
    drawn = rng.integers(0, 256, (images, side, side, channels), dtype=np.uint8)
    np.savez(path, x_train=drawn, y_train=labels, x_test=drawn[:40], y_test=labels[:40])
    return DataConfig(dataset=str(path), shift=side // 8, flip=channels == 3)


def recipe_for(channels: int, precision: str, *, batch: int = BATCH) -> Recipe:
    """Return `paper200` in a precision, for images of so many channels."""
    recipe = replace(load_recipe("paper200"), precision=precision, batch_size=batch)
    return recipe if channels == 3 else replace(recipe, mean=None, std=None)


def beside_plain(spec: ResNetSpec, data: Any, words: argparse.Namespace) -> None:
    """Print how fast the plain loop and ours train a network on images of 3x32x32."""
    device, steps, precisions = words.device, words.steps, precisions_of(words)
    plain = plain_loop(spec, data, device)
    loops = [OurLoop(spec, data, recipe_for(3, precision), device) for precision in precisions]
    plain(1)  # memory and kernels are there
    for loop in loops:
        loop(1 if device == "cpu" else 5)
    times = [(plain(steps), [loop(steps) for loop in loops]) for _ in range(words.rounds)]
    shares = [loops[-1].prepare(steps).wall / ours[-1].wall for _, ours in times]
    print(f"  plain {steps * BATCH / statistics.median(seconds for seconds, _ in times):,.0f} images/s")
    for place, precision in enumerate(precisions):
        rate = steps * BATCH / statistics.median(ours[place].wall for _, ours in times)
        ratio = statistics.median(seconds / ours[place].wall for seconds, ours in times)
        print(f"  ours in {precision} {rate:,.0f} images/s, {ratio:.2f} x plain")
    print(f"  input pipeline: {statistics.median(shares):.1%} of a step in {precisions[-1]}")
    if device == "cpu":
        print_per_cpu_second(steps * BATCH, precisions, [ours for _, ours in times])


def print_per_cpu_second(images: int, precisions: Sequence[str], times: list[list[Spent]]) -> None:
    """Print the medians of timings in each precision."""
    for precision, column in zip(precisions, zip(*times, strict=True), strict=True):
        rate = images / statistics.median(spent.cpu for spent in column)
        print(f"  ours in {precision} {rate:,.0f} images per CPU second", flush=True)


def on_digits(spec: ResNetSpec, data: Any, words: argparse.Namespace) -> None:
    """Print how fast a CPU trains a network on images of 1x8x8."""
    precisions = precisions_of(words)
    loops = [OurLoop(spec, data, recipe_for(1, precision, batch=DIGITS_BATCH), "cpu") for precision in precisions]
    for loop in loops:
        loop(1)
    times = [[loop(words.steps) for loop in loops] for _ in range(words.rounds)]
    print_per_cpu_second(words.steps * DIGITS_BATCH, precisions, times)


def precisions_of(words: argparse.Namespace) -> tuple[str, ...]:
    """Return what to measure: unless asked for, no bf16 where a CPU can only imitate it."""
    if words.precision != "auto":
        return (words.precision,)
    return ("fp32", "bf16") if words.device != "cpu" or resolve_precision("auto", "cpu") == "bf16" else ("fp32",)


def compare_with_plain(words: argparse.Namespace, folder: Path) -> None:
    """Print the table."""
    from budgetnas.training.graphs import own_stream

    with own_stream(words.device):
        data = load_dataset(random_npz(folder / "colour.npz", images=words.images, side=32, channels=3))
        for name, spec in CIFAR.items() if words.rows != "digits" else ():
            print(f"\n{name}, 3x32x32, batches of {BATCH}", flush=True)
            beside_plain(ResNetSpec.from_id(spec), data, words)
        if words.device != "cpu":
            return
        data = load_dataset(random_npz(folder / "grey.npz", images=2_560, side=8, channels=1))
        for spec in DIGITS if words.rows != "cifar" else ():
            print(f"\n{spec}, 1x8x8, batches of {DIGITS_BATCH}", flush=True)
            on_digits(ResNetSpec.from_id(spec), data, words)


def serve() -> None:
    """Train what each line of standard input asks for; answer each with a line: images, CPU seconds, seconds."""
    import budgetnas

    print(json.dumps({"at": str(Path(budgetnas.__file__).parents[1])}), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        config = DataConfig(**asked["data"])
        data = load_dataset(config)
        threads = torch.get_num_threads()
        setting = Setting(data=config, fingerprint=data.fingerprint, device="cpu", threads=threads)
        task = TrainTask(
            setting=setting,
            spec=ResNetSpec.from_id(asked["spec"]),
            recipe=recipe_for(asked["channels"], asked["precision"], batch=asked["batch"]),
            phases=(Phase(epochs=asked["epochs"], period=asked["epochs"]),),
            seed=0,
            keep_weights=False,
            learns_from="all",
            watches="test",
        )
        marks = list[tuple[float, float]]()
        done = perform(task, lambda report, marks=marks: marks.append((time.process_time(), time.perf_counter())))
        images = done.images * (asked["epochs"] - 1) // asked["epochs"]
        spent = {"cpu": marks[-1][0] - marks[0][0], "wall": marks[-1][1] - marks[0][1]}
        print(json.dumps({"images": images, **spent}), flush=True)


class Checkout:
    """A process that trains with the code of a checkout, on request."""

    def __init__(self, path: Path, stack: ExitStack) -> None:
        environment = {**os.environ, "PYTHONPATH": str(path)}
        words = [sys.executable, str(Path(__file__).resolve()), "--serve"]
        pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "bufsize": 1}
        self._process = stack.enter_context(subprocess.Popen(words, env=environment, **pipes))
        stack.callback(self._process.stdin.close)
        found = Path(self._answer()["at"]).resolve()
        if found != path.resolve():
            sys.exit(f"`--against` is {path}, but Python finds budgetnas in {found}: give the root of a checkout.")

    def per_cpu_second(self, asked: dict[str, Any]) -> float:
        """Train; return images per CPU second."""
        self._process.stdin.write(json.dumps(asked) + "\n")
        spent = self._answer()
        return float(spent["images"] / spent["cpu"])

    def _answer(self) -> dict[str, Any]:
        line = self._process.stdout.readline()
        if not line:
            sys.exit("a process ended before it answered; see above")
        return dict(json.loads(line))


def compare_checkouts(words: argparse.Namespace, folder: Path) -> None:
    """Print ratios of images per CPU second, here over there."""
    rows = [(name, spec, 32, 3) for name, spec in CIFAR.items() if words.rows != "digits"]
    rows += [(spec, spec, 8, 1) for spec in DIGITS if words.rows != "cifar"]
    paths = {side: folder / f"{side}.npz" for side in AGAINST_IMAGES}
    for side, channels in ((32, 3), (8, 1)):
        random_npz(paths[side], images=AGAINST_IMAGES[side], side=side, channels=channels)
    with ExitStack() as stack:
        here, there = Checkout(ROOT, stack), Checkout(words.against, stack)
        for name, spec, side, channels in rows:
            for precision in precisions_of(words):
                data = {"dataset": str(paths[side]), "shift": side // 8, "flip": channels == 3}
                asked = {"data": data, "spec": spec, "channels": channels, "precision": precision}
                asked |= {"batch": AGAINST_BATCH[side], "epochs": words.epochs}
                pairs = [(here.per_cpu_second(asked), there.per_cpu_second(asked)) for _ in range(words.rounds)]
                ours, others = (statistics.median(column) for column in zip(*pairs, strict=True))
                ratios = sorted(one / other for one, other in pairs)
                print(
                    f"{name}, {channels}x{side}x{side}, {precision}: here {ours:,.0f}, there {others:,.0f} images per "
                    f"CPU second, {statistics.median(ratios):.2f} x ({ratios[0]:.2f} to {ratios[-1]:.2f})",
                    flush=True,
                )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu")
    parser.add_argument(
        "--images", type=int, default=2_560, help="of which 80 %% are learnt from; no fewer for such batches"
    )
    parser.add_argument("--steps", type=int, default=4, help="per timing")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--against", type=Path, metavar="CHECKOUT", help="the root of another version of this project")
    parser.add_argument("--epochs", type=int, default=3, help="of a training with --against; the first is not timed")
    parser.add_argument("--rows", choices=("all", "cifar", "digits"), default="all")
    parser.add_argument("--precision", choices=("auto", "fp32", "bf16"), default="auto")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    words = parser.parse_args()
    if words.serve:
        serve()
        return
    from counting import processor

    name = processor() if words.device == "cpu" else torch.cuda.get_device_name()
    print(f"{name}, {os.cpu_count()} cores, torch {torch.__version__}, {torch.get_num_threads()} threads", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        (compare_checkouts if words.against else compare_with_plain)(words, Path(folder))


if __name__ == "__main__":
    main()
