"""
Load a certificate
==================

The winner of a search as a PyTorch module, held to the hashes of its manifest, without running any code of its folder.
"""

import subprocess
import sys
from pathlib import Path

import torch
from sklearn.datasets import load_digits

from budgetnas.certificates.certificate import load_certificate

# The command of the example before this one: where that has run, it only shows the result again.
words = (
    "search --max-params 60k --dataset digits-hard --trials 6 --promote 2 --full-epochs 3 --no-paper-models "
    "--name tiny --device cpu --set proxy.rungs=[1] --set space.widths=[16,64]"
)
subprocess.run([sys.executable, "-m", "budgetnas", *words.split()], check=True, capture_output=True)

model, arch = load_certificate(Path("runs/tiny/best"))
print(f"{arch['id']}: {arch['params']:,} of {arch['max_params']:,} parameters, {arch['macs']:,} MACs")

# %%
# Images are normalised as ``arch.json`` says: (pixel - mean) / std on raw pixels in [0, 255].

pixels = torch.tensor(load_digits().images[:10] * 15).float()[:, None]  # 17 grey levels, spread as the search had them
mean, std = arch["normalisation"]["mean"], arch["normalisation"]["std"]
with torch.no_grad():
    logits = model((pixels - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None])
print("shown:    ", *range(10))
print("predicted:", *(arch["classes"][best] for best in logits.argmax(dim=1)))
