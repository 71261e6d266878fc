"""Switches by which the pretend world misbehaves on request.

Each part of the world declares its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

FaultValue = bool | int | float | str
FaultKind = type[bool] | type[int] | type[float] | type[str]


@dataclass
class Fault:
    """One switch: its type, what it is when nobody touched it, and one sentence for people."""

    name: str
    kind: FaultKind
    default: FaultValue
    help: str
    value: FaultValue

    def check(self, value: object) -> FaultValue:
        """The value in this switch's type.

        ValueError if it does not fit. An int will do for a float.
        """
        if self.kind is float and type(value) is int:
            return float(value)
        if type(value) is self.kind and isinstance(value, bool | int | float | str):
            return value
        raise ValueError(f"{self.name} takes {self.kind.__name__}, not {value!r}")


@dataclass
class Faults:
    """The registry of switches. An unknown name is a KeyError everywhere."""

    _faults: dict[str, Fault] = field(default_factory=dict)

    def declare(self, name: str, *, kind: FaultKind, default: FaultValue, help: str) -> None:
        """Add a switch; declaring a name twice is a mistake in the sandbox."""
        if name in self._faults:
            raise ValueError(f"fault {name} is declared twice")
        self._faults[name] = Fault(name, kind, default, help, default)

    def get(self, name: str) -> FaultValue:
        """The present value."""
        return self._faults[name].value

    def flag(self, name: str) -> bool:
        """Whether a switch is on: a true bool, a number above zero, a text that is not empty."""
        return bool(self.get(name))

    def number(self, name: str) -> int:
        """The present value of an int switch."""
        return int(self.get(name))

    def seconds(self, name: str) -> float:
        """The present value of a float switch."""
        return float(self.get(name))

    def set(self, name: str, value: object) -> None:
        """Change a switch. ValueError if the value has the wrong type."""
        fault = self._faults[name]
        fault.value = fault.check(value)

    def take(self, name: str) -> bool:
        """Use up one of "the next N": True (and one fewer left) while the count is above zero."""
        fault = self._faults[name]
        if fault.kind is not int:
            raise ValueError(f"{name} is not a counted fault")
        left = int(fault.value)
        if left <= 0:
            return False
        fault.value = left - 1
        return True

    def reset(self) -> None:
        """Set every switch back to its default."""
        for fault in self._faults.values():
            fault.value = fault.default

    def redefine(self, defaults: Mapping[str, FaultValue]) -> None:
        """Other defaults than those declared, such as longer deadlines where a machine is slow."""
        for name, value in defaults.items():
            fault = self._faults[name]
            fault.default = fault.value = fault.check(value)

    def snapshot(self) -> dict[str, dict[str, object]]:
        """``{name: {value, kind, default, help}}``, JSON-able."""
        return {
            fault.name: {
                "value": fault.value,
                "kind": fault.kind.__name__,
                "default": fault.default,
                "help": fault.help,
            }
            for fault in self._faults.values()
        }
