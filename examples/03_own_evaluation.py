"""
Your own evaluation
===================

The sampler asks for a network's score and does not care where it comes from: a training loop of your own, a table, a
measurement on a device. Here it is ten lines of plain PyTorch on the digits of scikit-learn.
"""

import optuna
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from budgetnas import BudgetSampler, DataShape, ResNetSpace, ResNetSpec, build_model, suggest

torch.set_num_threads(1)  # networks this small gain nothing from more
shape = DataShape(channels=1, height=8, width=8, classes=10)
x, y = load_digits(return_X_y=True)
parts = train_test_split(x.reshape(-1, 1, 8, 8) / 8 - 1, y, test_size=0.3, random_state=0)
images, validation_images = (torch.tensor(part, dtype=torch.float32) for part in parts[:2])
labels, validation_labels = (torch.tensor(part) for part in parts[2:])


def evaluate(spec: ResNetSpec) -> float:
    """Train a network for two epochs of Adam; return its validation accuracy."""
    torch.manual_seed(0)
    model = build_model(spec, shape)
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(2):
        for rows in torch.randperm(len(images)).split(64):
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(model(images[rows]), labels[rows]).backward()
            optimiser.step()
    model.eval()
    with torch.no_grad():
        return (model(validation_images).argmax(dim=1) == validation_labels).float().mean().item()


# %%
# ``ask`` gives a network that fits the cap and was not tried before; ``tell`` takes what came of it.

space = ResNetSpace(stages=(1, 2), blocks=(1, 2), widths=(8, 32), shape=shape)
optuna.logging.set_verbosity(optuna.logging.WARNING)
sampler = BudgetSampler(space, max_params=20_000, min_utilisation=0.5, seed=0)
study = optuna.create_study(direction="maximize", sampler=sampler)
for _ in range(6):
    trial = study.ask()
    point = suggest(trial, space)
    spec = space.decode(point)
    score = evaluate(spec)
    study.tell(trial, score)
    print(f"{spec.id:<12} {space.params(point[None])[0]:>7,} parameters  {score:.1%}")

# %%
# ``best`` names what to trust and what scored highest, among what fits.

trusted, observed = sampler.best(study)
print(f"recommended: trial {trusted.number}, {trusted.value:.1%}; scored highest: trial {observed.number}")
