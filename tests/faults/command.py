"""The real command, with `fake.work` in place of training."""

from __future__ import annotations

import sys
from functools import partial

import fake

import budgetnas.pipeline.search as pipeline
from budgetnas.cli.main import main

pipeline.search = partial(pipeline.search, work=fake.work)
sys.exit(main())
