"""Write a small image folder: six animals of CIFAR-10, 400 training and 400 test images of each, as PNG files.

    python make_folder.py CIFAR10.npz animals

CIFAR10.npz holds x_train, y_train, x_test, y_test (uint8, [N, 32, 32, 3]) and, optionally, the names of the classes.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
ANIMALS = ("bird", "cat", "deer", "dog", "frog", "horse")
IMAGES = 400

source, target = Path(sys.argv[1]), Path(sys.argv[2])
with np.load(source) as pack:
    names = [str(name) for name in pack["classes"]] if "classes" in pack else CLASSES
    for split in ("train", "test"):
        images, labels = pack[f"x_{split}"], pack[f"y_{split}"]
        for animal in ANIMALS:
            folder = target / split / animal
            folder.mkdir(parents=True)
            for index in np.flatnonzero(labels == names.index(animal))[:IMAGES]:
                Image.fromarray(images[index]).save(folder / f"{index:05d}.png")
