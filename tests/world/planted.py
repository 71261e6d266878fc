"""Past bugs, reintroduced one at a time: each has to be found.

Each comes from CHANGELOG.md or from what was seen outside, and is put back by replacing one
function.
"""

import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest

import core.bonus_hunt.outcome
import core.bonus_hunt.steps
import core.games.rules
import core.inbox.handlers
import core.kick.chat.transport
import core.kick.events
import core.kick.translate
import core.kit.database.work
import core.kit.text.amounts
import core.outbox.actions
import core.people.lookup
import core.people.names
import core.points.shop
import core.twitch.translate
import core.vips.calls
import core.vips.sync
from tests.world.runner import Report, Runner, storage_of_our_own
from tests.world.shrinking import kind_of
from tests.world.storage import GUILDS

Patch = pytest.MonkeyPatch


@dataclass(frozen=True)
class Planted:
    """A fault of the past.

    Attributes:
        areas: of the worlds that can find it; others are not run, and count as not finding it.
    """

    what: str
    areas: tuple[str, ...]
    plant: Callable[[Patch], None]


def _words_multiply(patch: Patch) -> None:
    module = core.kit.text.amounts
    plain = module._plain

    def glued(text: str) -> str:
        return re.sub(r"^(\d+) ([km])\w*", r"\1\2", plain(text))

    patch.setattr(module, "_plain", glued)


def _second_number_is_ignored(patch: Patch) -> None:
    patch.setattr(core.kit.text.amounts, "_require_certain", lambda *_: None)


def _commands_act_when_typed(patch: Patch) -> None:
    patch.setattr(core.kit.database.work, "time_of_handling", lambda _tx, at: at)


def _late_commands_are_carried_out(patch: Patch) -> None:
    patch.setattr(core.inbox.handlers, "time_of_handling", lambda _tx, at: at)


def _late_replies(patch: Patch) -> None:
    patch.setattr(core.outbox.actions, "REPLY_WITHIN", timedelta(days=1))


def _gifts_count_per_delivery(patch: Patch) -> None:
    module, numbers = core.kick.translate, count()
    keyed = module._keyed
    patch.setattr(
        module, "_keyed", lambda body: [(f"{key}|{next(numbers)}", who) for key, who in keyed(body)]
    )
    patch.setattr(core.kick.events, "events_to_count", lambda _tx, events: list(events))


def _chunks_of_gifts_collide(patch: Patch) -> None:
    module = core.kick.translate
    keyed = module._keyed
    patch.setattr(
        module, "_keyed", lambda body: [(f"?{n}", who) for n, (_k, who) in enumerate(keyed(body))]
    )
    patch.setattr(core.kick.events, "events_to_count", lambda _tx, events: list(events))


def _subscriptions_count_per_delivery(patch: Patch) -> None:
    module = core.twitch.translate
    support = module._support

    def by_message(body: Any, channel: Any, context: Any) -> Any:
        for event in support(body, channel, context):
            yield replace(event, key=context.message_id)

    patch.setattr(module, "_support", by_message)


def _the_hidden_are_named(patch: Patch) -> None:
    names = core.people.names._names
    patch.setattr(
        core.people.names, "_names", lambda work, ids, for_admins: names(work, ids, for_admins=True)
    )


def _the_forgotten_are_named(patch: Patch) -> None:
    module = core.people.names
    names = module._names

    def also(work: Any, ids: Any, *, for_admins: bool) -> Any:
        found = names(work, ids, for_admins=for_admins)
        gone = {one: f"forgotten-{one}" for one, why in found.unnamed.items() if why == "deleted"}
        return module.Names({**found.shown, **gone}, found.unnamed)

    patch.setattr(module, "_names", also)


def _one_vip_failure_stops_all(patch: Patch) -> None:
    calls = core.vips.calls
    owner = next(one for one in vars(calls).values() if hasattr(one, "_each"))

    def until_the_first(self: Any, step: Any, items: Any, key_of: Any) -> None:
        for item in items:
            step(item)

    patch.setattr(owner, "_each", until_the_first)


def _vips_are_not_removed(patch: Patch) -> None:
    patch.setattr(core.vips.sync.GuildSync, "_remove", lambda _self: None)


def _purchases_are_not_refunded(patch: Patch) -> None:
    ledger: Any = vars(core.points.shop)["ledger"]

    def post(work: Any, account: str, new: Any, *, reason: str = "", **given: Any) -> int:
        return 0 if reason else ledger.post(work, account, new, **given)

    other = SimpleNamespace(post=post, entries_for=ledger.entries_for)
    patch.setattr(core.points.shop, "ledger", other)


def _lost_answers_are_sent_again(patch: Patch) -> None:
    async def nothing(_self: Any, _message: Any) -> None:
        return None

    patch.setattr(core.kick.chat.transport.KickTransport, "confirm", nothing)


def _emotes_hide_a_game(patch: Patch) -> None:
    patch.setattr(core.kick.translate, "_EMOTE", re.compile("(?!)"))
    rules = core.games.rules
    find = rules.Index._find

    def exactly(self: Any, typed: str) -> Any:
        return rules.Match(typed) if "[emote" in typed else find(self, typed)

    patch.setattr(rules.Index, "_find", exactly)


def _replies_need_their_message(patch: Patch) -> None:
    patch.setattr(core.kick.chat.transport, "REPLY_REFUSED", ())


def _platforms_of_names_are_ignored(patch: Patch) -> None:
    module = core.people.lookup
    split = module.split_platform
    patch.setattr(module, "split_platform", lambda typed: ("", split(typed)[1]))


def _undo_opens_guessing(patch: Patch) -> None:
    module = core.bonus_hunt.steps
    restore = module._restore

    def forgets(record: Any, before: Any) -> None:
        restore(record, before)
        if hasattr(record, "payout_known"):
            record.payout_known = False

    patch.setattr(module, "_restore", forgets)


def _the_worst_guess_wins(patch: Patch) -> None:
    def furthest(guesses: Any, balance: Any) -> Any:
        return max(guesses, key=lambda one: abs(one.amount - balance), default=None)

    patch.setattr(core.bonus_hunt.outcome, "best_guess", furthest)


def _events_reach_every_server(patch: Patch) -> None:
    translate: Any = vars(core.kick.events)["translate"]

    def for_all(body: Any, context: Any) -> Any:
        return translate(body, replace(context, guild_ids=GUILDS))

    patch.setattr(core.kick.events, "translate", for_all)


PLANTED: Mapping[str, Planted] = {
    "words": Planted("`2 KEKW` and `1 kkkk` are thousands", ("points", "heist"), _words_multiply),
    "numbers": Planted("`100 5` is 100", ("points", "heist"), _second_number_is_ignored),
    "late_start": Planted(
        "a late `!heist` opens a heist that is nearly over", ("heist",), _commands_act_when_typed
    ),
    "late_command": Planted(
        "a command typed long ago is carried out",
        ("heist", "points"),
        _late_commands_are_carried_out,
    ),
    "late_reply": Planted("a line of long ago is answered", ("queue", "points"), _late_replies),
    "gift_again": Planted(
        "a gift in a second delivery counts again", ("support",), _gifts_count_per_delivery
    ),
    "gift_chunks": Planted(
        "the chunks of a large gift take each other's place", ("support",), _chunks_of_gifts_collide
    ),
    "sub_again": Planted(
        "a subscription on Twitch in a second message counts again",
        ("support",),
        _subscriptions_count_per_delivery,
    ),
    "hidden": Planted("boards name who is hidden", ("people", "commands"), _the_hidden_are_named),
    "forgotten": Planted(
        "boards show forgotten-2", ("people", "commands"), _the_forgotten_are_named
    ),
    "vip_stops": Planted(
        "one VIP call that fails stops all others", ("vip",), _one_vip_failure_stops_all
    ),
    "vip_stays": Planted("an ended VIP stays on Twitch", ("vip",), _vips_are_not_removed),
    "refund": Planted(
        "what cannot be delivered is not refunded", ("points", "vip"), _purchases_are_not_refunded
    ),
    "twice_said": Planted(
        "a line whose answer was lost is said again",
        ("queue", "heist"),
        _lost_answers_are_sent_again,
    ),
    "emote": Planted("an emote gets a banned game into the queue", ("queue",), _emotes_hide_a_game),
    "reply_gone": Planted(
        "a reply to a deleted message becomes a dead letter",
        ("queue", "points"),
        _replies_need_their_message,
    ),
    "platform": Planted(
        "`twitch:name` means the account on Kick",
        ("raffle", "vip"),
        _platforms_of_names_are_ignored,
    ),
    "undo": Planted("undoing a result opens guessing again", ("hunt",), _undo_opens_guessing),
    "guess": Planted("the furthest guess wins", ("hunt",), _the_worst_guess_wins),
    "servers": Planted(
        "an event counts in a server that does not follow the channel",
        ("support",),
        _events_reach_every_server,
    ),
}
"""Name -> fault."""


def prove(names: Sequence[str], seeds: int, first: int = 1, seconds: float = 1e9) -> int:
    """Plant each, run worlds until it is found, and print a table; 1 if one was not found."""
    missed = 0
    with storage_of_our_own() as storage:
        runner = Runner(storage)
        for name in names or PLANTED:
            found = _hunt(runner, name, range(first, first + seeds), seconds)
            missed += not found
            print(f"{name} | {PLANTED[name].what} | {found or 'not found'}", flush=True)
    return 1 if missed else 0


def _hunt(runner: Runner, name: str, seeds: Sequence[int], seconds: float) -> str:
    """At which seed it is found, after how many worlds of its areas, and how it looked."""
    planted, worlds, until = PLANTED[name], 0, time.perf_counter() + seconds
    for seed in seeds:
        if time.perf_counter() > until:
            print(f"{name}: {worlds} worlds", file=sys.stderr)
            return ""
        if not set(planted.areas) & set(runner.author(seed).areas):
            continue
        worlds += 1
        with Patch.context() as patch:
            planted.plant(patch)
            failure = runner.run(runner.case(seed), Report())
        # Whatever fails without it, too, does not count.
        if failure and kind_of(runner.run(runner.case(seed), Report())) != kind_of(failure):
            return f"seed {seed}, world {worlds} | {failure[:160]}"
    return ""
