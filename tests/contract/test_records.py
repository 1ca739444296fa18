"""What a ledger's record tells of a job, beside how far it is."""

from __future__ import annotations

from tasks.jobs.job import SingleAnalysis
from tasks.jobs.ledger_port import Ledger
from tests.contract.ledgers import START_MS, a_job, nth_id, record


async def test_what_was_not_asked_for_is_none(ledger: Ledger) -> None:
    job = a_job()
    await ledger.submit(job)
    told = await record(ledger, job)
    assert (told.not_before_ms, told.deadline_ms, told.replayed_from) == (None, None, None)
    assert told.depends_on == ()


async def test_when_it_runs_and_what_it_is_about(ledger: Ledger) -> None:
    first, other = a_job(id=nth_id(1)), a_job(id=nth_id(2))
    for dependency in (first, other):
        await ledger.submit(dependency)
    job = a_job(
        id=nth_id(3),
        params=SingleAnalysis(url="http://site.example/", query="häfen und \x00 zeichen"),
        not_before_ms=START_MS + 1000,
        deadline_ms=START_MS + 5000,
        depends_on=(other.id, first.id, other.id),
        replayed_from=first.id,
    )
    await ledger.submit(job)
    told = await record(ledger, job)
    assert told.about == "häfen und \x00 zeichen"
    assert (told.not_before_ms, told.deadline_ms) == (START_MS + 1000, START_MS + 5000)
    assert told.depends_on == (other.id, first.id)
    assert told.replayed_from == first.id


async def test_several_at_once(ledger: Ledger) -> None:
    jobs = [a_job(id=nth_id(n)) for n in range(3)]
    for job in jobs[:2]:
        await ledger.submit(job)
    told = await ledger.records([job.id for job in reversed(jobs)])
    assert [one.id for one in told] == [jobs[1].id, jobs[0].id]
    assert await ledger.records([]) == ()
