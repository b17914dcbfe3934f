"""How many networks fit a budget, exactly, and five of them drawn at random."""

import numpy as np

from budgetnas.space.feasible import ArchitectureIndex
from budgetnas.space.resnet import ResNetSpace

space = ResNetSpace(stages=(1, 3), widths=(16, 256))
index = ArchitectureIndex(space, max_macs=300_000_000)
band = index.band(low=900_000, high=1_000_000)
print(f"{index.size():,} networks in the space, {len(band):,} with 0.9-1M parameters and at most 0.3 G MACs")
for member in band.draw(5, rng=np.random.default_rng(0)):
    print(f"{space.decode(member.point).id:<24} {member.params:>9,} parameters {member.macs:>12,} MACs")
