"""The other queues, each with one no-op task. Run in the environment of the benchmarks, as
`python -m tests.bench.peers.NAME enqueue|work`, with what `Round` reads in their environment.
"""
