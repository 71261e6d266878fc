"""Past bugs, reintroduced on purpose."""


def prove(_names: list[str], _seeds: int) -> int:
    return 0
