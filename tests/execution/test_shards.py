"""Shards: who does what, and that nothing is done twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_plan import SOURCE, TARGET

from tfmed.config.study import Study
from tfmed.execution.job import Result, with_ancestors
from tfmed.execution.shards import Shard, claim, do_share, parse_shard, share, unfinished
from tfmed.execution.store import Store, write_result
from tfmed.orchestration.plan import make_plan


@pytest.fixture(scope="module")
def plan():
    return make_plan(Study(), SOURCE, TARGET)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "jobs")


def doer(store, done):
    """Does jobs at once and notes them."""

    def do(jobs):
        for job in with_ancestors(jobs):
            if store.load(job) is None:
                done.append(job.key)
                write_result(store.path(job), job.title, Result({}))

    return do


def test_a_shard_is_written_as_i_of_n():
    assert parse_shard("2/16") == Shard(2, 16)
    assert str(Shard(2, 16)) == "2/16"


@given(st.text(max_size=8) | st.sampled_from(["0/1", "3/2", "1/0", "-1/2", "1/1001", "1/2/3"]))
def test_anything_else_is_refused(text):
    try:
        found = parse_shard(text)
    except ValueError:
        return
    assert 1 <= found.index <= found.count <= 1000


@pytest.mark.parametrize("count", [1, 2, 3, 7, 100])
def test_every_run_and_space_is_in_one_share_and_costs_are_even(plan, count):
    shares = [share(plan, Shard(index, count)) for index in range(1, count + 1)]
    keys = [job.key for jobs in shares for job in jobs]
    wanted = {run.job.key for run in plan.runs} | {space.job.key for space in plan.spaces}
    wanted |= {job.key for pair in plan.forgetting for job in (pair.before, pair.after)}
    assert len(keys) == len(set(keys))
    assert set(keys) == wanted
    costs = [sum(job.cost for job in jobs) for jobs in shares]
    chain = max(job.cost for job in plan.jobs()) * 3
    assert max(costs) <= sum(costs) / count + chain


def test_a_run_that_starts_from_another_run_is_in_its_share(plan):
    for index in (1, 2, 3):
        mine = {job.key for job in share(plan, Shard(index, 3))}
        for run in plan.runs:
            if run.strategy == "finetune":
                assert (run.job.key in mine) == (run.job.parents["frozen"].key in mine)


def test_shards_do_all_runs_once_and_the_last_one_knows(plan, store):
    done = []
    for index in (2, 1):
        assert unfinished(plan, store) > 0
        do_share(plan, Shard(index, 2), store, doer(store, done))
    assert unfinished(plan, store) == 0
    assert len(done) == len(set(done))
    assert plan.pretraining.key in done


def test_a_shard_waits_for_a_pretraining_that_another_one_has_claimed(plan, store, monkeypatch):
    done, order = [], []
    monkeypatch.setattr("tfmed.execution.shards.POLL_SECONDS", 0.0)
    with claim(store, plan.pretraining) as is_ours:
        assert is_ours

        def wait(job):
            order.extend(done)
            write_result(store.path(job), job.title, Result({}))  # the other one finishes

        do_share(plan, Shard(1, 2), store, doer(store, done), wait)
    assert order
    assert plan.pretraining.key not in done
    before = {
        run.job.key
        for run in plan.runs
        if all(job.kind != "pretrain" for job in with_ancestors([run.job]))
    }
    assert {key for key in order if key in {run.job.key for run in plan.runs}} <= before
    assert set(done) == {job.key for job in share(plan, Shard(1, 2))}


def test_a_shard_does_the_pretraining_of_one_that_gave_up(plan, store, monkeypatch):
    done = []
    monkeypatch.setattr("tfmed.execution.shards.POLL_SECONDS", 0.0)
    held = claim(store, plan.pretraining)
    held.__enter__()

    def gives_up(_job):
        held.__exit__(None, None, None)

    do_share(plan, Shard(1, 2), store, doer(store, done), gives_up)
    assert plan.pretraining.key in done


def test_shards_whose_seeds_pretrain_begin_with_different_pretrainings(tmp_path):
    settings = Study().pretraining.model_copy(update={"per_seed": True})
    plan = make_plan(Study().replaced(pretraining=settings), SOURCE, TARGET)
    begun = []
    for index in (1, 2, 3):
        store, done, claimed = Store(tmp_path / str(index)), [], []

        def do(jobs, store=store, done=done, claimed=claimed):
            claimed.append({path.stem for path in store.root.rglob("*.claim")})
            doer(store, done)(jobs)

        do_share(plan, Shard(index, 3), store, do)
        assert {job.key for job in share(plan, Shard(index, 3))} <= set(done)
        begun += claimed[0]
    assert sorted(begun) == sorted(job.key for job in plan.pretrainings)


def test_a_claim_is_exclusive_and_leaves_nothing(plan, store):
    with claim(store, plan.pretraining) as first, claim(store, plan.pretraining) as second:
        assert (first, second) == (True, False)
    assert not list(store.root.rglob("*.claim"))
