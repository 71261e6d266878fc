"""A streamer's channel on the fake StreamElements."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Channel:
    """A streamer's channel; `points` is login -> balance, `alltime` what was ever earned."""

    id: str
    login: str
    name: str
    provider_id: int
    jwt: str
    points: dict[str, int] = field(default_factory=dict)
    alltime: dict[str, int] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    def payload(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "login": self.login,
            "jwt": self.jwt,
            "points": dict(self.points),
            "said": list(self.said),
        }
