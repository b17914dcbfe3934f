"""Training speed beside a plain loop in the style of pytorch-cifar, interleaved on the same machine.

    python tests/benchmarks/train_speed.py [--device cuda] [--images 2560] [--steps 4] [--rounds 3]

The plain loop: torchvision's transforms image by image, a DataLoader with two workers, fp32, contiguous tensors. Ours:
the `paper200` recipe in fp32 and in bf16. Batches of 128 random images of 3x32x32: what they show does not matter.
Ratios are medians over rounds, in each of which all three are timed one after the other.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from counting import processor
from PIL import Image
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.config.recipe import load_recipe
from budgetnas.config.study import DataConfig
from budgetnas.data.load import load_dataset
from budgetnas.models.build import build_model
from budgetnas.training.augment import Augmenter
from budgetnas.training.images import batch_bounds
from budgetnas.training.loop import _Run
from budgetnas.training.tasks import Setting, TrainTask, whole

NETS = {"model 5": ((4, 5, 3), (64, 128, 256)), "3,3,3 / 16,32,64": ((3, 3, 3), (16, 32, 64))}
BATCH = 128


class PerImage(Dataset):
    """Images decoded and augmented one by one, as torchvision's CIFAR10 is."""

    def __init__(self, images: np.ndarray, labels: np.ndarray, change: transforms.Compose) -> None:
        self._images, self._labels, self._change = images, labels, change

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, int]:
        return self._change(Image.fromarray(self._images[i])), int(self._labels[i])


def plain_loop(spec: ResNetSpec, data: object, device: str) -> Callable[[int], float]:
    """Return a function that trains some steps and returns the seconds they took."""
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


def our_loop(task: TrainTask, data: object) -> Callable[[int], float]:
    """Return a function that trains some steps and returns the seconds they took."""
    run = _Run(task, data)

    def steps(number: int) -> float:
        run._bounds = batch_bounds(number * BATCH, BATCH)
        started = time.perf_counter()
        run._learn(lambda step: 1.0, 0)
        return time.perf_counter() - started

    return steps


def input_seconds(task: TrainTask, data: object, steps: int) -> float:
    """Return the seconds of augmenting and normalising some batches, and their part of an epoch's draws."""
    run = _Run(task, data)
    started = time.perf_counter()
    epoch = Augmenter(
        *run._learned,
        recipe=run._recipe,
        traits=data.traits,
        normalise=run._normalise,
        classes=data.shape.classes,
        generator=torch.Generator().manual_seed(0),
    )
    drawn = time.perf_counter()
    for start in range(0, steps * BATCH, BATCH):
        epoch.batch(start, start + BATCH)
    if task.setting.device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - drawn + (drawn - started) * steps * BATCH / len(data.train)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu")
    parser.add_argument(
        "--images", type=int, default=2_560, help="of which 80 %% are learnt from; no fewer for such batches"
    )
    parser.add_argument("--steps", type=int, default=4, help="per timing")
    parser.add_argument("--rounds", type=int, default=3)
    words = parser.parse_args()
    rng = np.random.default_rng(0)
    labels = np.arange(words.images) % 10
    images = rng.integers(0, 256, (words.images, 32, 32, 3), dtype=np.uint8)
    name = processor() if words.device == "cpu" else torch.cuda.get_device_name()
    threads = torch.get_num_threads()
    print(f"{name}, {os.cpu_count()} cores, torch {torch.__version__}, {threads} threads, batches of {BATCH}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "random.npz"
        np.savez(path, x_train=images, y_train=labels, x_test=images[:40], y_test=labels[:40])
        config = DataConfig(dataset=str(path), shift=4, flip=True)
        data = load_dataset(config)
        setting = Setting(data=config, fingerprint=data.fingerprint, device=words.device, threads=threads)
        for name, (blocks, widths) in NETS.items():
            spec = ResNetSpec(blocks=blocks, widths=widths)
            task = TrainTask(
                setting=setting,
                spec=spec,
                recipe=load_recipe("paper200"),
                phases=whole(200),
                seed=0,
                keep_weights=False,
            )
            in_bf16 = replace(task, recipe=replace(task.recipe, precision="bf16"))
            loops = [plain_loop(spec, data, words.device), our_loop(task, data), our_loop(in_bf16, data)]
            for loop in loops:
                loop(1)  # memory and kernels are there
            rounds = [[loop(words.steps) for loop in loops] for _ in range(words.rounds)]
            shares = [input_seconds(in_bf16, data, words.steps) / times[2] for times in rounds]
            speeds = [words.steps * BATCH / statistics.median(times) for times in zip(*rounds, strict=True)]
            plainly, ours, in_half = (f"{speed:,.0f}" for speed in speeds)
            print(f"\n{name}: plain {plainly}, ours in fp32 {ours}, in bf16 {in_half} images/s")
            print(f"  ours fp32 / plain: {statistics.median(plain / fp32 for plain, fp32, _ in rounds):.2f} x")
            print(f"  ours bf16 / plain: {statistics.median(plain / bf16 for plain, _, bf16 in rounds):.2f} x")
            print(f"  input pipeline: {statistics.median(shares):.1%} of a bf16 step")


if __name__ == "__main__":
    main()
