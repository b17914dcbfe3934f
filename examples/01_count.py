"""
Count a network
===============

Exactly, layer by layer, without building it.
"""

from budgetnas import ResNetSpec, count, ledger

spec = ResNetSpec.from_stages(blocks=[4, 5, 3, 0], widths=[64, 128, 250])
cost = count(spec)  # for CIFAR-10's images and classes
print(f"{spec.id}: {cost.params:,} parameters, {cost.macs:,} MACs for one image")

heaviest = max(ledger(spec), key=lambda row: row.params)
print(f"heaviest layer: {heaviest.name} with {heaviest.params:,} parameters")
