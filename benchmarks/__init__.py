"""What the product does in a second, and how long it takes: `make bench`.

Each benchmark is a module with `run(...) -> dict[str, float]`, whose names are those of
`figures.FIGURES`. Nothing here asserts that a figure is good; docs/performance.md discusses them.
"""
