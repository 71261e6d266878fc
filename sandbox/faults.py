"""Fault injection: the switches that make a fake service fail on request."""

from collections.abc import Mapping
from dataclasses import dataclass, field

FaultValue = bool | int | float | str
FaultTable = Mapping[str, tuple[FaultValue, str]]
"""Name -> default (whose type is the switch's type) and one sentence of help."""


@dataclass
class Fault:
    """One switch."""

    name: str
    default: FaultValue
    help: str
    value: FaultValue

    @property
    def kind(self) -> type[FaultValue]:
        return type(self.default)

    def check(self, value: object) -> FaultValue:
        """The value in this switch's type (an int is accepted for a float), else ValueError."""
        if self.kind is float and type(value) is int:
            return float(value)
        if type(value) is self.kind and isinstance(value, bool | int | float | str):
            return value
        raise ValueError(f"{self.name} takes {self.kind.__name__}, not {value!r}")


@dataclass
class Faults:
    """The registry of switches. An unknown name is a KeyError everywhere."""

    _faults: dict[str, Fault] = field(default_factory=dict)

    def declare(self, table: FaultTable) -> None:
        """Add switches; declaring a name twice is a ValueError."""
        for name, (default, text) in table.items():
            if name in self._faults:
                raise ValueError(f"fault {name} is declared twice")
            self._faults[name] = Fault(name, default, text, default)

    def get(self, name: str) -> FaultValue:
        return self._faults[name].value

    def flag(self, name: str) -> bool:
        """Whether a switch is on: true, a number other than 0, or a non-empty text."""
        return bool(self.get(name))

    def number(self, name: str) -> int:
        return int(self.get(name))

    def seconds(self, name: str) -> float:
        return float(self.get(name))

    def set(self, name: str, value: object) -> None:
        """Change a switch. ValueError if the value has the wrong type."""
        fault = self._faults[name]
        fault.value = fault.check(value)

    def take(self, name: str) -> bool:
        """Use up one of "the next N": True while the count is above zero."""
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
        """Replace declared defaults, for example with longer deadlines on a slow machine."""
        for name, value in defaults.items():
            fault = self._faults[name]
            fault.default = fault.value = fault.check(value)

    def snapshot(self) -> dict[str, dict[str, object]]:
        """``{name: {value, kind, default, help}}``, JSON-able."""
        return {
            name: {
                "value": fault.value,
                "kind": fault.kind.__name__,
                "default": fault.default,
                "help": fault.help,
            }
            for name, fault in self._faults.items()
        }
