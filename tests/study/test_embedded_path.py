"""The whole path with a real language model: study file, llama.cpp over HTTP, scikit-learn; honesty, not quality."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from support.whole_paths import InProcess
from tunewise.history import History
from tunewise.study.storage import open_study
from tunewise.study.stored import StoredStudy

EXAMPLE = Path(__file__).parents[2] / "examples" / "svc.yaml"


@pytest.mark.long
def test_the_embedded_model_serves_the_whole_path(tmp_path: Path, cli: InProcess) -> None:
    study = yaml.safe_load(EXAMPLE.read_text()) | {"n_trials": 2, "max_fallbacks": None, "proposer": "compressed"}
    study["storage"] = "svc.journal"
    assert study["model"] == "embedded"
    file = tmp_path / "svc.yaml"
    file.write_text(yaml.safe_dump(study, sort_keys=False))
    ran = cli("tune", file)
    assert ran.code == 0, ran

    opened = open_study(tmp_path / "svc.journal", "svc")
    summary, trials = StoredStudy.read(opened), History.from_study(opened).trials
    assert [(t.number, t.state) for t in trials] == [(k, "finished") for k in range(2)]
    assert trials[0].source == "default"
    assert 0 not in summary.calls
    for trial in trials[1:]:
        calls = summary.calls[trial.number]
        assert trial.source in ("model", "repair", "random")
        assert 1 <= len(calls) <= 4
        assert all(call.input_tokens and call.output_tokens and call.cost_usd == 0 for call in calls)
        assert all("embedded" in call.model and call.seconds > 0 for call in calls)
        assert (trial.source == "random") == bool(trial.proposal.fallback)
        if trial.source != "random":
            assert trial.proposal.reply in {call.text[:2000] for call in calls}
        assert trial.source in ran.out
    assert all(0 <= (t.value or 0) < 0.5 for t in trials)
    assert summary.totals.calls == sum(map(len, summary.calls.values())) >= 1
    assert "cost: $0" in ran.out
    assert "Kept in" in ran.out
    assert ran.out.strip().partition("\n2 trials: ")[0] in cli("show", file).out
