"""The people who use the fakes. Their ids never change, so a restart finds the same accounts."""

from dataclasses import dataclass
from typing import Literal

Role = Literal["streamer", "moderator", "viewer"]


@dataclass(frozen=True)
class Person:
    """A human with an account on Discord, Kick and Twitch. ``handle`` is their key in the control
    API; ``kick_name`` keeps its case and is also the name on Twitch."""

    handle: str
    discord_id: int
    discord_name: str
    display_name: str
    kick_user_id: int
    kick_name: str
    role: Role

    @property
    def twitch_user_id(self) -> int:
        """So that nobody has one id on both platforms."""
        return self.kick_user_id + 1_000_000

    def user_id_on(self, platform: str) -> int:
        """The id there."""
        return self.twitch_user_id if platform == "twitch" else self.kick_user_id

    @property
    def kick_slug(self) -> str:
        """The name as Kick writes it in URLs: lower case, ``_`` becomes ``-``."""
        return slug_of(self.kick_name)


def slug_of(kick_name: str) -> str:
    """Kick's slug of a user name: ``Some_One`` -> ``some-one``."""
    return kick_name.lower().replace("_", "-")


def _person(number: int, handle: str, username: str, name: str, kick: str, role: Role) -> Person:
    ids = 310_000_000_000_000_000 + number, 4_100_000 + number
    return Person(handle, ids[0], username, name, ids[1], kick, role)


PEOPLE: tuple[Person, ...] = (
    # nora owns the guild "Nora's Corner" and the channel NoraPlays; tomas moderates both.
    _person(1, "nora", "noraplays", "NoraPlays", "NoraPlays", "streamer"),
    _person(2, "tomas", "tomas_tv", "Tomas", "Tomas_TV", "moderator"),
    _person(3, "mia", "madcats", "MadCats", "MadCats", "viewer"),
    _person(4, "leo", "lil_bean", "lil bean", "lil_bean", "viewer"),
    _person(5, "yuki", "yuki_snow", "雪Yuki", "yuki_snow", "viewer"),
    _person(6, "sam", "sam_i_am", "Sam", "SamOnKick", "viewer"),
    # vera owns the second guild "Vera's Den" and the channel VeraSpins, to test their separation.
    _person(7, "vera", "veraspins", "VeraSpins", "VeraSpins", "streamer"),
)

BY_HANDLE: dict[str, Person] = {person.handle: person for person in PEOPLE}
