"""Personal data: which columns and JSON keys identify people, and the person making a request.

A column declares with `info=holds(...)` that it identifies a person; `JSON_KEYS` does so for JSON
keys. Tests fail for a column or a key that is not declared, and for a declared one that `/mydata`
does not export or `/forgetme` does not remove.
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
"""How a value identifies a person: a viewer id; the id of an account or member; a name; a natural
key, whose parts between `|` or `:` may be either; a text, such as the URL of a picture; JSON, see
`JSON_KEYS`. `nobody`: a JSON key that never identifies anybody."""

ADMINS_ANSWER = "an admin answers for what they did"
PENALTY = "forgetting ends no penalty"
PSEUDONYMOUS = "the viewer has a pseudonym afterwards"
ANYONE = "anyone"
"""`of` of a column without a related column: only its content identifies the person."""


@dataclass(frozen=True, slots=True)
class PersonalData:
    """Declaration of a column.

    Attributes:
        stays: why `/forgetme` keeps the value, or empty.
        of: the column that identifies the person it is about; empty for the row's own person, or
            `ANYONE`.
        deletes_row: `/forgetme` deletes rows whose column names the person.
    """

    holds: Holds
    stays: str = ""
    of: str = ""
    deletes_row: bool = False


def holds(
    what: Holds, stays: str = "", *, of: str = "", deletes_row: bool = False
) -> dict[str, Any]:
    """`info` of a column that identifies a person; see `PersonalData`."""
    return {"personal": PersonalData(what, stays, of, deletes_row)}


SECRET = {"secret": True}
"""`info` of a column that is left out of `/mydata`: random, encrypted or hashed."""


def declared(table: "FromClause") -> dict[str, PersonalData]:
    """Column -> its declaration, for columns that identify a person."""
    return {c.name: c.info["personal"] for c in table.columns if "personal" in c.info}


_KEYS: Mapping[Holds, str] = {
    "number": """
        broadcaster_user_id changed_by channel_id closed_by discord_id giver_id member_id
        user_id""",
    "name": """
        account actor_name channel_slug giftee login giftee_name giver kick_name name names receiver
        slug username viewer who""",
    "key": "drop key of subject",
    "text": """
        actor_picture content deletes edits message profile_picture reason text title user_input
        what why wish""",
    "json": """
        actor before by after gifter follower moderator raider redeemer sender subscriber
        target""",
    "nobody": """
        again claimant earlier freeze_number previous frozen_at locked missing plan planned_at
        scopes settings voice wait
        platforms account_id act all amount at badges called_at category channel claim_minutes
        commitment cooldown cost deleted done ends_at entrants event excluded expires_at
        gift_name gifts guild_id hash held identified if_possible is_answered is_bot is_broadcaster
        is_new
        is_public is_streamer k kind language left left_out lines linked loud max_open message_id
        minutes months more news number obstacle page per_gift per_hour place planned platform
        position prize pseudonym rank redemption_id reply_to reward_id role role_id roll round
        round_at scope seconds server since skipped slot source started_at starts_at state status
        take_back tickets total total_before evidence until viewer_id viewers way window winners
        with_beacon bet meant command enabled win calls provider replaced_by rows suggestion
        suggestion_is_banned
        waiting average best bonus game offer points quantity symbol plural balance one
        break_even cost currency earlier finished_at guesses
        guesses_from guesses_open guesses_until hunt next opened payout position profit returned
        payout_known start_cost version worst setting is_picked chart slots payouts
        change raffle duration is_live left session by_streamer subscriber_version
        story time min max one many outcome won players paid staked heist end closes_at ready_at
        next_in next_limit limit lost until changes
        stake risk tier label odds value remedy refused count
        applied too_little reporter purpose references operation viewer_ids""",
}
JSON_KEYS: Mapping[str, Holds] = {key: what for what, keys in _KEYS.items() for key in keys.split()}
"""How the keys of our JSON identify people: events, payloads, audit entries. A key that is missing
here, as in vendors' payloads, may hold a name or an id.
"""


@dataclass(frozen=True, slots=True)
class Account:
    """A platform account that is linked to the person."""

    platform: str
    user_id: int
    viewer_id: int
    name: str
    login: str = ""
    former_names: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, *((self.login,) if self.login else ()), *self.former_names)


@dataclass(frozen=True, slots=True)
class Subject:
    """The person making the request, as known in one server.

    Attributes:
        discord_names: their current names on Discord.
        accounts: their currently linked accounts; no others are known to be theirs.
        at: time of the request.
    """

    guild_id: int
    discord_id: int
    at: datetime
    discord_names: tuple[str, ...] = ()
    accounts: tuple[Account, ...] = ()

    @property
    def swept_before(self) -> datetime:
        """The sweep deletes older data, including data caused by the request itself, such as the
        message about the unlinked account.
        """
        return self.at + timedelta(hours=1)

    @property
    def viewer_ids(self) -> tuple[int, ...]:
        return tuple(account.viewer_id for account in self.accounts)

    @property
    def pseudonym(self) -> str:
        """The name that replaces theirs."""
        return pseudonym_of(self.viewer_ids[0]) if self.accounts else "forgotten"

    @property
    def names(self) -> frozenset[str]:
        """All their names, case-folded; also as platforms write them in URLs."""
        names = (
            *self.discord_names,
            *(name for account in self.accounts for name in account.names),
        )
        folded = {name.casefold() for name in names if name}
        return frozenset(folded | {name.replace("_", "-") for name in folded})

    @property
    def numbers(self) -> frozenset[int]:
        """Their ids on Discord and the platforms."""
        return frozenset({self.discord_id, *(account.user_id for account in self.accounts)})

    @property
    def traces(self) -> frozenset[str]:
        """The strings to search for in texts and JSON."""
        written = {json.dumps(name, ensure_ascii=False)[1:-1] for name in self.names}
        return self.names | written | {str(number) for number in self.numbers}


@dataclass(frozen=True)
class Personal:
    """How a feature exports and deletes personal data.

    Attributes:
        tables: the tables that these functions cover.
        collect: `collect(tx, subject)`: returns the feature's data about the person.
        forget: `forget(tx, subject)`: delete it, or remove the person from it. Penalties (a block,
            an exclusion) stay with the viewer id. All features run in one transaction, the highest
            layer first.
        sweep: `sweep(tx, subject)`: the same, `SWEPT_AFTER` later, for data that prevents double
            counting or is still being sent. It keeps data newer than `subject.swept_before`,
            because the person may have come back. Returns True if something is still needed, such
            as an undelivered prize; then it runs again every day.
    """

    tables: tuple[str, ...]
    collect: "Callable[[Connection, Subject], dict[str, Any]]"
    forget: "Callable[[Connection, Subject], object]"
    sweep: "Callable[[Connection, Subject], bool] | None" = None


SWEPT_AFTER = timedelta(days=3)
"""Older events cannot arrive again by then: webhooks that old are rejected."""


def pseudonym_of(viewer_id: int) -> str:
    """The name of a forgotten viewer. Kick names cannot contain a hyphen."""
    return f"forgotten-{viewer_id}"


def is_about(value: Any, subject: Subject, holds: Holds = "json") -> bool:
    """Whether this JSON value contains a name or an id of the person."""
    match value:
        case Mapping():
            return any(is_about(v, subject, JSON_KEYS.get(k, "json")) for k, v in value.items())
        case list():
            return any(is_about(inner, subject, holds) for inner in value)
        case str() if holds == "key":
            return redacted_key(value, subject) != value
    return _is_theirs(value, subject, holds)


def redacted(value: Any, subject: Subject, holds: Holds = "json") -> Any:
    """The same JSON value with every name replaced by the pseudonym and every id by 0."""
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
    """Like `redacted`, for a natural key whose parts are separated by `|` or `:`."""
    parts = re.split(r"([|:])", key)
    return "".join(
        subject.pseudonym if _is_theirs(part, subject, "name") else part for part in parts
    )


def _is_theirs(value: Any, subject: Subject, holds: Holds) -> bool:
    """A name may equal a platform's name, and an amount may equal an id, so `holds` decides."""
    if holds == "nobody" or isinstance(value, bool):
        return False
    if isinstance(value, str):
        if value in {str(n) for n in subject.numbers} or str(subject.discord_id) in value:
            return True  # also inside the address of a picture, or a mention
        return holds in ("name", "json") and value.casefold() in subject.names
    return holds in ("number", "json") and value in subject.numbers
