"""The people who use the fakes. Their ids never change, so a restart finds the same accounts."""

from dataclasses import dataclass
from typing import Literal

Role = Literal["streamer", "moderator", "viewer"]


@dataclass(frozen=True)
class Person:
    """A human with a Discord and a Kick account. ``handle`` is their key in the control API;
    ``kick_name`` keeps its case."""

    handle: str
    discord_id: int
    discord_name: str
    display_name: str
    kick_user_id: int
    kick_name: str
    role: Role

    @property
    def kick_slug(self) -> str:
        """The name as Kick writes it in URLs: lower case, ``_`` becomes ``-``."""
        return slug_of(self.kick_name)


def slug_of(kick_name: str) -> str:
    """Kick's slug of a user name: ``Some_One`` -> ``some-one``."""
    return kick_name.lower().replace("_", "-")


PEOPLE: tuple[Person, ...] = (
    # nora owns the guild "Nora's Corner" and the channel NoraPlays; tomas moderates both.
    Person(
        "nora",
        310_000_000_000_000_001,
        "noraplays",
        "NoraPlays",
        4_100_001,
        "NoraPlays",
        "streamer",
    ),
    Person(
        "tomas", 310_000_000_000_000_002, "tomas_tv", "Tomas", 4_100_002, "Tomas_TV", "moderator"
    ),
    Person("mia", 310_000_000_000_000_003, "madcats", "MadCats", 4_100_003, "MadCats", "viewer"),
    Person("leo", 310_000_000_000_000_004, "lil_bean", "lil bean", 4_100_004, "lil_bean", "viewer"),
    Person(
        "yuki", 310_000_000_000_000_005, "yuki_snow", "雪Yuki", 4_100_005, "yuki_snow", "viewer"
    ),
    Person("sam", 310_000_000_000_000_006, "sam_i_am", "Sam", 4_100_006, "SamOnKick", "viewer"),
    # vera owns the second guild "Vera's Den" and the channel VeraSpins: isolation needs two of
    # everything.
    Person(
        "vera",
        310_000_000_000_000_007,
        "veraspins",
        "VeraSpins",
        4_100_007,
        "VeraSpins",
        "streamer",
    ),
)

BY_HANDLE: dict[str, Person] = {person.handle: person for person in PEOPLE}
