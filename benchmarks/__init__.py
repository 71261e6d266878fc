"""Throughput and latency of the product: `make bench`.

Each benchmark is a module with `run(...) -> dict[str, float]`, whose names are those of
`figures.FIGURES`. Nothing here asserts that a figure is good; docs/performance.md discusses them.
"""
