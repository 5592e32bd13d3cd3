"""What a job tells of itself: stages, notices, memory."""

import time

import pytest

from pipelines.watch import Watch


def test_a_stage_adds_up_and_counts_when_it_fails(monkeypatch: pytest.MonkeyPatch):
    clock = iter([0.0, 1.0, 3.0, 10.0, 14.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    watch = Watch(quiet=True)
    with watch.stage("restore"):
        pass
    with pytest.raises(ValueError), watch.stage("restore"):
        raise ValueError
    assert watch.stages == {"restore": 6.0}


def test_notices_go_to_stderr_unless_quiet(capsys: pytest.CaptureFixture[str]):
    Watch(quiet=True).notice("unheard")
    Watch().notice("heard")
    out, err = capsys.readouterr()
    assert (out, err) == ("", "note: heard\n")
