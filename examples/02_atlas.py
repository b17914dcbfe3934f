"""
What fits a cap
===============

How many networks a cap leaves, exactly, and five of them drawn at random, before anything trains.
"""

import numpy as np

from budgetnas import ResNetSpace, make_atlas, make_index

CAP, MAX_MACS = 1_000_000, 300_000_000

space = ResNetSpace(stages=(1, 3), widths=(16, 256))
index = make_index(space, max_macs=MAX_MACS)
atlas = make_atlas(index, CAP)
print(f"{atlas.size:,} networks in the space, {sum(atlas.fitting.values()):,} fit ({atlas.method})")
print(f"the largest is {space.decode(atlas.largest.point)} with {atlas.largest.params:,} parameters")

# %%
# Uniform draws from a band of parameters near the cap are exact, too; nothing is drawn and thrown away.

band = index.band(low=900_000, high=CAP)
print(f"{len(band):,} have 0.9-1M parameters, for example")
for member in band.draw(5, rng=np.random.default_rng(0)):
    print(f"{space.decode(member.point).id:<24} {member.params:>9,} parameters {member.macs:>12,} MACs")
