"""What is kept about one person: each package tells its part, and forgets its part.

A column says with `info=holds(...)` that it leads to a person, and `JSON_KEYS` says it of the keys
of JSON. A package fills `Feature.personal`; `/mydata` and `/forgetme` ask all of them. Tests fail
for a column or a key that is not declared, and for a declared one that is not exported or
forgotten.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from sqlalchemy import Connection, FromClause

Holds = Literal["viewer", "number", "name", "key", "text", "json", "nobody"]
"""What leads to a person: our number of a viewer; the number of an account or member; a name; a
natural key, of which the parts between `|` or `:` may be either; a text, such as the address of a
picture; JSON, see `JSON_KEYS`. `nobody` says that a key of JSON never leads to anybody."""

ADMINS_ANSWER = "an admin answers for what they did"
PENALTY = "forgetting ends no penalty"
PSEUDONYMOUS = "the viewer has a pseudonym afterwards"
ANYONE = "anyone"
"""`of` of a column that no other column belongs to: only its content says whom it is about."""


@dataclass(frozen=True, slots=True)
class PersonalData:
    """What a column declares.

    Attributes:
        stays: the reason why `/forgetme` leaves the value, or empty.
        of: the column that says whom it is about; empty for the person that the row belongs to, or
            `ANYONE`.
        deletes_row: `/forgetme` deletes the rows in which this column names the person.
    """

    holds: Holds
    stays: str = ""
    of: str = ""
    deletes_row: bool = False


def holds(
    what: Holds, stays: str = "", *, of: str = "", deletes_row: bool = False
) -> dict[str, Any]:
    """`info` of a column that leads to a person; see `PersonalData`."""
    return {"personal": PersonalData(what, stays, of, deletes_row)}


SECRET = {"secret": True}
"""`info` of a column that `/mydata` leaves out: random, encrypted or hashed."""


def declared(table: "FromClause") -> dict[str, PersonalData]:
    """Column -> what it declares, for those that lead to a person."""
    return {c.name: c.info["personal"] for c in table.columns if "personal" in c.info}


_KEYS: Mapping[Holds, str] = {
    "number": """
        broadcaster_user_id changed_by channel_id closed_by discord_id giver_id member_id
        user_id""",
    "name": """
        account actor_name channel_slug giftee giftee_name giver kick_name name names receiver
        slug username viewer""",
    "key": "drop key of subject",
    "text": """
        actor_picture content deletes edits message profile_picture reason text title user_input
        what why""",
    "json": "actor before by after gifter follower moderator redeemer sender subscriber target",
    "nobody": """
        claimant earlier frozen_at locked missing plan planned_at scopes settings voice wait
        account_id act all amount at badges called_at category channel claim_minutes commitment
        cooldown cost deleted done ends_at entrants event excluded expires_at gift_name gifts
        guild_id hash held identified if_possible is_answered is_bot is_broadcaster is_public
        is_streamer k kind language left left_out lines linked loud max_open message_id minutes
        months more news number obstacle page per_gift per_hour place planned platform position
        prize pseudonym rank redemption_id reply_to reward_id role role_id roll round round_at
        scope seconds server since skipped slot source started_at starts_at state status take_back
        tickets total total_before evidence until viewer_id viewers way window winners
        with_beacon""",
}
JSON_KEYS: Mapping[str, Holds] = {key: what for what, keys in _KEYS.items() for key in keys.split()}
"""What the keys of our JSON hold: events, payloads, before and after. A key that is not here, as
vendors send them, may hold a name or a number."""


AFTERMATH = timedelta(hours=1)
"""How long after a wish to be forgotten something may come of it that is swept, too."""


@dataclass(frozen=True, slots=True)
class Account:
    """A platform account that is linked to the person."""

    platform: str
    user_id: int
    viewer_id: int
    name: str


@dataclass(frozen=True, slots=True)
class Subject:
    """A person as one server knows them. What another server knows is theirs to ask there.

    Attributes:
        discord_id: the member's.
        discord_names: what they are called on Discord today.
        accounts: what is linked to them now. Who never linked has proved no account to be theirs.
        at: when they asked.
    """

    guild_id: int
    discord_id: int
    at: datetime
    discord_names: tuple[str, ...] = ()
    accounts: tuple[Account, ...] = ()

    @property
    def swept_before(self) -> datetime:
        """What is older goes with the sweep. It is later than `at`, because what follows from the
        wish comes after it: that they are unlinked is told, and roles are taken."""
        return self.at + AFTERMATH

    @property
    def viewer_ids(self) -> tuple[int, ...]:
        """Our numbers of the accounts."""
        return tuple(account.viewer_id for account in self.accounts)

    @property
    def pseudonym(self) -> str:
        """What stands in the place of the name afterwards."""
        return pseudonym_of(self.viewer_ids[0]) if self.accounts else "forgotten"

    @property
    def names(self) -> frozenset[str]:
        """Every name of theirs, for comparing; also as platforms write it in addresses."""
        told = (*self.discord_names, *(account.name for account in self.accounts))
        folded = {name.casefold() for name in told if name}
        return frozenset(folded | {name.replace("_", "-") for name in folded})

    @property
    def numbers(self) -> frozenset[int]:
        """Every number that Discord or a platform knows them by."""
        return frozenset({self.discord_id, *(account.user_id for account in self.accounts)})

    @property
    def traces(self) -> frozenset[str]:
        """By what to look for them in texts, in those of JSON too."""
        written = {json.dumps(name, ensure_ascii=False)[1:-1] for name in self.names}
        return self.names | written | {str(number) for number in self.numbers}


@dataclass(frozen=True)
class Personal:
    """A feature's part.

    Attributes:
        tables: the tables that the two functions are about.
        collect: `collect(tx, subject)`: what the feature keeps about the person, in words that they
            understand; empty where it keeps nothing.
        forget: `forget(tx, subject)`: delete it, or cut it loose from the person. What penalises
            (a block, an exclusion) stays with the viewer id, so that forgetting sheds nothing. It
            runs in one transaction with all the others', the highest layer first.
        sweep: `sweep(tx, subject)`: the same for what guards against counting twice, or is still on
            its way. Called `SWEPT_AFTER` later; it takes nothing that is newer than
            `subject.swept_before`, for they may have come back. While it answers True something
            is still needed, such as a prize on its way, and it is called again every day.
    """

    tables: tuple[str, ...]
    collect: "Callable[[Connection, Subject], dict[str, Any]]"
    forget: "Callable[[Connection, Subject], object]"
    sweep: "Callable[[Connection, Subject], bool] | None" = None


SWEPT_AFTER = timedelta(days=3)
"""By then nothing that happened before can be told again: webhooks that old are refused."""


def pseudonym_of(viewer_id: int) -> str:
    """The name of a viewer who was forgotten. Nobody can be called so on Kick, because of the
    hyphen."""
    return f"forgotten-{viewer_id}"


def is_about(value: Any, subject: Subject, holds: Holds = "json") -> bool:
    """Whether somewhere inside this JSON value the person is named or numbered."""
    match value:
        case Mapping():
            return any(is_about(v, subject, JSON_KEYS.get(k, "json")) for k, v in value.items())
        case list():
            return any(is_about(inner, subject, holds) for inner in value)
        case str() if holds == "key":
            return redacted_key(value, subject) != value
    return _is_theirs(value, subject, holds)


def redacted(value: Any, subject: Subject, holds: Holds = "json") -> Any:
    """The same JSON value with the pseudonym in the place of every name, and 0 in that of every
    number. The shape stays, so that whoever reads it still can."""
    match value:
        case Mapping():
            return {k: redacted(v, subject, JSON_KEYS.get(k, "json")) for k, v in value.items()}
        case list():
            return [redacted(inner, subject, holds) for inner in value]
        case str() if holds == "key":
            return redacted_key(value, subject)
    if not _is_theirs(value, subject, holds):
        return value
    return 0 if isinstance(value, int) else subject.pseudonym


def redacted_key(key: str, subject: Subject) -> str:
    """The same for a natural key, whose parts are divided by `|` or `:`."""
    parts = re.split(r"([|:])", key)
    return "".join(
        subject.pseudonym if _is_theirs(part, subject, "name") else part for part in parts
    )


def _is_theirs(value: Any, subject: Subject, holds: Holds) -> bool:
    """What the value holds decides: somebody can be called like a platform, and an amount can be
    the same number as an id."""
    if holds == "nobody" or isinstance(value, bool):
        return False
    if isinstance(value, str):
        if value in {str(n) for n in subject.numbers} or str(subject.discord_id) in value:
            return True  # also inside the address of a picture, or a mention
        return holds in ("name", "json") and value.casefold() in subject.names
    return holds in ("number", "json") and value in subject.numbers
