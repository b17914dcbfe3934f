"""What people called things, on every page, note and card that says it: text, and no element, attribute or link."""

from __future__ import annotations

import numpy as np
import optuna
import pytest
from hostile import SCRIPTS, tags
from markdown_it import MarkdownIt
from optuna_dashboard import get_note

from budgetnas.certificates.card import card
from budgetnas.data.load import load_dataset
from budgetnas.reports.calibration import CalibrationFacts, calibration_page
from budgetnas.runs.files import publish, write_reports
from budgetnas.text import Table
from budgetnas.trials.facts import RunFacts, TrialFacts
from budgetnas.trials.trial import TrialState

MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
TAME = "= word"  # which begins, as the others do, with no letter: a column of words is set otherwise


@pytest.fixture
def shown(make, tmp_path, make_npz):
    """Show a search in which everything that has a free name is called so; return its page, note and figures."""

    def show(word):
        load_dataset.cache_clear()
        name = f"{word.replace('/', ' ').strip()[:60]}.npz"
        data = make_npz(name=name, classes=np.array([word, f"{word} b", f"{word} c"]))
        made = make(data__dataset=str(data), full__repeats=1)
        made.trained([0.3 + i / 100 for i in range(4)])
        net = made.study.candidate(made.ladder.first.trials[0].candidate.spec, word)
        first = made.ladder.first
        first.add(net, state=TrialState.PRUNED, facts=TrialFacts(seeded=True, reason=word))
        first.fail(first.add(net, state=TrialState.RUNNING, facts=TrialFacts(seeded=True)).number, word)
        done = first.add(net, state=TrialState.RUNNING, facts=TrialFacts(seeded=True))
        first.finish(done.number, 0.99, TrialFacts(epochs=1, images=10, seconds=1.0))
        made.promoted()
        made.tested()
        driver = {"command": f"budgetnas search {word}", "hardware": {"device": word, "processor": word}}
        made.ladder.fulls.record(RunFacts(drivers=(driver,)))
        made.ladder.fulls.record(RunFacts(stopped=word))
        result = made.result()
        page = write_reports(result).read_text()
        publish(made.storage, result)
        study = optuna.load_study(study_name=first.name, storage=made.storage)
        return page, get_note(study), str(made.storage.get_study_system_attrs(study._study_id))

    return show


def test_page_and_note_of_a_search(shown):
    word = " ".join(SCRIPTS)
    page, note, figures = shown(word)
    tame_page, tame_note, _ = shown(TAME)
    assert tags(page) == tags(tame_page)
    assert tags(MARKDOWN.render(note)) == tags(MARKDOWN.render(tame_note))
    assert page.count("</script>") == tame_page.count("</script>")
    told = " ".join(word.split())
    assert told in "".join(token.content for block in MARKDOWN.parse(note) for token in block.children or ())
    for element in ("<script", "<img", "<svg"):
        assert element not in figures


def calibration(word):
    table = Table(title=word, columns=(word, word), rows=[(word, word)], notes=(word,))
    return CalibrationFacts(
        title=word, notice=word, recommendation=word, tables=[table, table], fidelities=[], lengths={"1 epoch": 1},
        proxies={"1 epoch": [50.0]}, full=[60.0], labels=["1x16"], command=word,
    )  # fmt: skip


@pytest.mark.parametrize("word", SCRIPTS)
def test_page_of_a_calibration(word):
    assert tags(calibration_page(calibration(word))) == tags(calibration_page(calibration(TAME)))


def model_card(word):
    arch = {
        "id": "1x16", "shape": {"channels": 3, "height": 8, "width": 8, "classes": 2}, "dataset": word, "notice": word,
        "params": 10, "macs": 10, "max_params": 20, "classes": [word, word],
    }  # fmt: skip
    own = {
        "validation_accuracy": 0.5, "validation_images": 9, "test_correct": 3, "test_images": 9, "epochs": 1, "seed": 0,
    }  # fmt: skip
    repeats = {f"{split}_{what}": 0.5 for split in ("validation", "test") for what in ("mean", "sd")}
    results = {"this_network": own, "repeats": {**repeats, "seeds": [1, 2]}, "remarks": [word, word]}
    provenance = {"command": word, "hardware": {"device": "cpu", "processor": word}, "git_commit": None}
    return MARKDOWN.render(card(arch, results, provenance, has_onnx=True))


@pytest.mark.parametrize("word", SCRIPTS)
def test_model_card(word):
    assert tags(model_card(word)) == tags(model_card(TAME))
