"""
Count a network
===============

Exactly, layer by layer, without building it.
"""

from budgetnas.arch.counter import count, ledger
from budgetnas.arch.resnet import lower
from budgetnas.arch.spec import DataShape, ResNetSpec

spec = ResNetSpec.from_stages(blocks=[4, 5, 3, 0], widths=[64, 128, 250])
cifar10 = DataShape(channels=3, height=32, width=32, classes=10)
cost = count(spec, cifar10)
print(f"{spec.id}: {cost.params:,} parameters, {cost.macs:,} MACs for one image")

heaviest = max(ledger(lower(spec, cifar10), cifar10), key=lambda row: row.params)
print(f"heaviest layer: {heaviest.name} with {heaviest.params:,} parameters")
