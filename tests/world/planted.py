"""Faults of the past, planted again."""


def prove(_names: list[str], _seeds: int) -> int:
    return 0
