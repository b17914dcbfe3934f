#!/usr/bin/env bash
# The search on six animals that README.md declares; run it again to resume.
#
#   studies/results/animals/study.sh FOLDER [OUT]     FOLDER is what make_folder.py wrote; the run goes to OUT (runs)
set -euo pipefail
folder=${1:?"FOLDER: the image folder that make_folder.py wrote"}

budgetnas search --max-params 100k --max-macs 12M --dataset "$folder" --space wide \
  --trials 24 --rungs 2 --full-epochs 24 --promote 3 \
  --controls --set 'evidence.control_networks=["scaled"]' --set evidence.random_control=true \
  --set 'evidence.looks=[3, 5, 8]' --device cpu --name animals --out "${2:-runs}"
