"""
Load a certificate
==================

The winner of a search as a PyTorch module, checked against the hashes of its manifest. No code of its folder is run.
"""

import torch
from sklearn.datasets import load_digits

import budgetnas

# The search of the example before this one: where that has run, it only gives the result again.
result = budgetnas.search(
    max_params="60k",
    dataset="digits-hard",
    trials=6,
    promote=2,
    full_epochs=3,
    paper_models=False,
    name="tiny",
    device="cpu",
    settings={"proxy.rungs": [1], "space.widths": [16, 64]},
)

assert result.certificate is not None
assert budgetnas.verify(result.certificate).passed
model, arch = budgetnas.load_certificate(result.certificate)
print(f"{arch['id']}: {arch['params']:,} of {arch['max_params']:,} parameters, {arch['macs']:,} MACs")

# %%
# Images are normalised as ``arch.json`` says: (pixel - mean) / std on raw pixels in [0, 255].

pixels = torch.tensor(load_digits().images[:10] * 15).float()[:, None]  # 17 grey levels, spread as the search had them
mean, std = arch["normalisation"]["mean"], arch["normalisation"]["std"]
with torch.no_grad():
    logits = model((pixels - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None])
print("shown:    ", *range(10))
print("predicted:", *(arch["classes"][best] for best in logits.argmax(dim=1)))
