#!/usr/bin/env bash
# Pilot of a study at ResNet-20's 272,474 parameters: which kinds of blocks are worth a place in its space?
#
# Declared before it ran. Six networks, each filled to the cap by `budgetnas fit`, train once for 15 epochs on 40,000
# images of CIFAR-10 and are scored on the other 10,000 training images. The test set is not read. A kind is left out of
# the study's space where its network ends more than 1.0 point below ResNet-20. Nothing else is concluded from it.
#
#   studies/results/resnet20_kinds/pilot.sh DATA [FOLDER]     about four hours on two cores; run it again to resume
#
# DATA is cifar10 (torchvision's) or an .npz file; the runs go to FOLDER (runs/resnet20_kinds_pilot).
set -euo pipefail
data=${1:?"DATA: cifar10 or an .npz file"}
folder=${2:-runs/resnet20_kinds_pilot}

networks=(
  3x16-3x32-3x64            # ResNet-20
  d-3x16-3x32-3x64          # pooled shortcuts
  e16-3x17-3x32-3x63        # squeeze-excitation
  3x16-3x32=3x64            # the last transition does not halve the image
  n256-3x17-3x31-3x61       # a neck of 256 channels
  3x61m15-3x121m30-3x237m59 # bottlenecks
)

printf '%s\n' "${networks[@]}" | xargs -P 2 -I NETWORK \
  budgetnas train NETWORK --dataset "$data" --recipe proxy128 --epochs 15 --seed 0 --no-test \
  --threads 1 --workers 1 --device cpu --out "$folder"
