"""The fields of a job's record besides its progress."""

from __future__ import annotations

from tasks.jobs.job import SingleAnalysis
from tasks.jobs.ledger_port import Ledger
from tests.contract.ledgers import START_MS, a_job, nth_id, record


async def test_optional_fields_are_none_by_default(ledger: Ledger) -> None:
    job = a_job()
    await ledger.submit(job)
    stored = await record(ledger, job)
    assert (stored.not_before_ms, stored.deadline_ms, stored.replayed_from) == (None, None, None)
    assert stored.depends_on == ()


async def test_timing_dependencies_and_description(ledger: Ledger) -> None:
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
    stored = await record(ledger, job)
    assert stored.about == "häfen und \x00 zeichen"
    assert (stored.not_before_ms, stored.deadline_ms) == (START_MS + 1000, START_MS + 5000)
    assert stored.depends_on == (other.id, first.id)
    assert stored.replayed_from == first.id


async def test_several_records_at_once(ledger: Ledger) -> None:
    jobs = [a_job(id=nth_id(n)) for n in range(3)]
    for job in jobs[:2]:
        await ledger.submit(job)
    stored = await ledger.records([job.id for job in reversed(jobs)])
    assert [entry.id for entry in stored] == [jobs[1].id, jobs[0].id]
    assert await ledger.records([]) == ()
