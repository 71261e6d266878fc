"""Actions of viewers and admins: give, grant, set limits, end a season."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Literal, NamedTuple

from sqlalchemy import func, select

from core.events import ChatMessageSent
from core.guilds.actions import audit, load_settings
from core.kit.database.records import ViewerId
from core.kit.database.work import Lock, Work
from core.kit.errors import Refusal
from core.kit.rights import admins_only
from core.kit.runtime.crypto import hash_of
from core.kit.text.amounts import parse_length, split_amount, split_part
from core.kit.text.words import _, plural
from core.outbox import actions as outbox
from core.people import actions as people
from core.people import store as people_store
from core.people.lookup import find_person
from core.people.names import named_only, own_name, public_names
from core.people.records import Viewer
from core.points import ledger, providers, store
from core.points.ledger import NewEntry
from core.points.records import Entry, PlayLimit, Season
from core.points.rules import MAX_POINTS, MAX_REASON_LENGTH, PointsSettings, allocate, spendable
from core.watchtime.standings import list_ranks

Change = Literal["add", "remove", "set"]


def require_own(settings: PointsSettings) -> None:
    """Raises Refusal unless this bot stores the server's points."""
    if not settings.enabled:
        raise Refusal(
            _("Points are turned off on this server."),
            _("An admin can turn them on with `/settings set points.enabled on`."),
        )
    if settings.provider != "own":
        raise Refusal(
            _("This server uses StreamElements points."),
            _("Ask the StreamElements bot in the stream's chat. Games here use those points too."),
        )


# -- grants ---------------------------------------------------------------------------------------


def change_points(
    work: Work, who: str, change: Change, amount: int, reason: str, cause: str
) -> tuple[Viewer, int]:
    """Add, remove or set a viewer's points; returns the viewer and their new balance.

    Args:
        cause: id of the request, which makes repeating it harmless.
    """
    viewer = find_person(work, who, meant=store.HAS_POINTS)
    return viewer, grant_many(work, {viewer.viewer_id: amount}, change, reason, cause)[
        viewer.viewer_id
    ]


def grant_many(
    work: Work, amounts: Mapping[int, int], change: Change, reason: str, cause: str
) -> dict[int, int]:
    """Change the points of many viewers, all or none; returns the new balance of each."""
    require_own(load_settings(work, PointsSettings))
    if any(not 0 <= amount <= MAX_POINTS for amount in amounts.values()):
        raise Refusal(_("That amount is too large."))
    work.lock(Lock.POINTS)
    accounts = store.list_accounts(work, amounts)
    balances = dict(store.get_balances(work, {account for a in accounts.values() for account in a}))

    def held(viewer_id: int) -> int:
        return spendable(balances, accounts[viewer_id])

    keys = {viewer_id: f"admin:{cause}:{viewer_id}" for viewer_id in amounts}
    if store.list_posted(work, keys.values()):
        return {viewer_id: held(viewer_id) for viewer_id in amounts}
    new: list[NewEntry] = []
    for viewer_id, amount in amounts.items():
        before, key = held(viewer_id), keys[viewer_id]
        delta = {"add": amount, "remove": -amount, "set": amount - before}[change]
        if delta > 0:
            new.append(NewEntry(key, viewer_id, "earned", delta))
            balances[viewer_id, "earned"] = balances.get((viewer_id, "earned"), 0) + delta
        elif delta < 0:
            parts = allocate(balances, accounts[viewer_id], -delta)
            if parts is None:
                name = people_store.get_viewer(work.tx, work.guild_id, viewer_id).name
                raise Refusal(
                    _("{name} has {count:,}.").format(name=name, count=before),
                    _("You can't remove more than that."),
                )
            new += ledger.entries_for(key, parts, -1)
            for account, bucket, taken in parts:
                balances[account, bucket] -= taken
    reason = reason.strip()[:MAX_REASON_LENGTH]
    ledger.post(work, "manual", new, reason=reason, actor=work.actor)
    total = sum(entry.amount for entry in new)
    if len(amounts) == 1:
        (viewer_id,) = amounts
        now = held(viewer_id)
        audit(work, "points.change", f"viewer:{viewer_id}", before=now - total, after=now)
    elif new:
        audit(work, "points.change_many", f"{len(amounts)}", after=total)
    return {viewer_id: held(viewer_id) for viewer_id in amounts}


def grant_members(
    work: Work, discord_ids: Sequence[int], amount: int, reason: str, cause: str
) -> int:
    """Give points to those of these members who have linked an account; returns how many."""
    links = people_store.find_links(work, discord_ids)
    if not links:
        raise Refusal(_("None of these members has linked an account."))
    viewers: dict[int, int] = {link.viewer_id: amount for link in links.values()}
    grant_many(work, viewers, "add", reason, cause)
    return len(viewers)


# -- gifts between viewers ------------------------------------------------------------------------


class Gift(NamedTuple):
    """A gift, and the giver's remaining balance."""

    receiver: Viewer
    amount: int
    left: int


def give(work: Work, giver: int, to: Viewer, typed: str, key: str) -> Gift:
    """Move points from one viewer to another. The points stay in their bucket.

    Raises:
        Refusal: a limit against alternative accounts, or not enough points.
    """
    settings = load_settings(work, PointsSettings)
    require_own(settings)
    if not settings.gifts:
        raise Refusal(_("Giving points is turned off here."))
    work.lock(Lock.POINTS)
    key = f"gift:{hash_of(key)}"
    accounts = store.list_accounts(work, [giver, to.viewer_id])
    own, theirs = accounts[giver], accounts[to.viewer_id]
    balances = store.get_balances(work, own)
    has = sum(balances.values())
    if store.list_posted(work, [key]):
        return Gift(to, 0, has)
    if to.viewer_id in own:
        raise Refusal(_("You can't give points to yourself."))
    if store.list_excluded(work, {*own, *theirs}):
        raise Refusal(_("You can't give points to this viewer."))
    _require_trust(work, settings, [own, theirs])
    amount, _rest = split_part(typed, has)
    given, last_at = store.get_given(work, own, ledger.today(work))
    if last_at is not None:
        wait = settings.gift_cooldown - (work.now - last_at).total_seconds()
        if wait > 0:
            raise Refusal(_("You're on cooldown for {seconds:.0f} s.").format(seconds=wait))
    if given + amount > settings.gift_daily:
        left = max(0, settings.gift_daily - given)
        raise Refusal(_("You can give {left:,} more today.").format(left=left))
    parts = allocate(balances, own, amount)
    if parts is None:
        raise Refusal(_("You have {has:,}.").format(has=has))
    taken = ledger.entries_for(key, parts, -1)
    received = [
        NewEntry(key, to.viewer_id, entry.bucket, -entry.amount, len(taken) + entry.part)
        for entry in taken
    ]
    ledger.post(work, "gift", [*taken, *received])
    return Gift(to, amount, has - amount)


def _require_trust(
    work: Work, settings: PointsSettings, people_: Sequence[tuple[int, ...]]
) -> None:
    """Raises Refusal unless each has linked an account or watched for long enough."""
    needed = timedelta(hours=settings.gift_hours)
    for accounts in people_:
        if people_store.find_link_of_viewer(work, accounts[0]) is not None:
            continue
        watched = sum(
            (rank.watched for rank in list_ranks(work.tx, work.guild_id, accounts)), timedelta()
        )
        if watched < needed:
            hours = plural("{count} hour", "{count} hours", settings.gift_hours)
            raise Refusal(
                _("Both of you need a linked account or {hours} of watchtime.").format(hours=hours)
            )


# -- chat -----------------------------------------------------------------------------------------


def handle_points(work: Work, message: ChatMessageSent, argument: str) -> None:
    """Handle `!points`, `!points @viewer`, `!points limit 500` and `!points break 7d`.

    With StreamElements points there is no reply to `!points`: its own bot has one.
    """
    settings = load_settings(work, PointsSettings)
    word, _space, rest = argument.strip().partition(" ")
    if settings.enabled and word.casefold() in ("limit", "break"):
        _set_in_chat(work, message, word.casefold(), rest.strip())
        return
    if not settings.enabled or settings.provider != "own":
        return
    viewer_id, who = people.get_or_create_sender(work.tx, message), ""
    if word:
        try:
            found = find_person(work, word, meant=store.HAS_POINTS, platform=message.platform)
        except Refusal:
            return
        viewer_id, who = found.viewer_id, own_name(work, found.viewer_id)
        if not who:  # they are hidden
            return
    points = providers.balance_of(work, viewer_id)
    place = store.get_place(work, viewer_id)
    rank = place.rank if place else None
    payload = settings.currency | {"points": points, "rank": rank, "name": who}
    outbox.post_reply(work, message, "points.balance", payload, once_a_minute=f"{viewer_id}:{who}")


def _set_in_chat(work: Work, message: ChatMessageSent, what: str, typed: str) -> None:
    """Set or show a viewer's own limits; no linked account is needed."""
    viewer_id = people.get_or_create_sender(work.tx, message)
    try:
        if what == "limit":
            set_limit_from_text(work, viewer_id, typed)
        elif typed:
            take_break(work, viewer_id, _parse_duration(typed))
    except Refusal as refusal:
        once = f"limit:{viewer_id}"
        refused = {"what": f"{refusal.what} {refusal.remedy}".strip()}
        outbox.post_reply(work, message, "points.refused", refused, once_a_minute=once)
        return
    work.flush()
    found, lost = get_limit(work, viewer_id)
    payload = {
        "lost": max(0, lost),
        "limit": found.daily_loss if found else None,
        "next_limit": found.next_loss if found else None,
        "changes": bool(found and found.next_from),
        "until": found.break_until.isoformat() if found and found.break_until else None,
    }
    outbox.post_reply(work, message, "points.limit", payload)


def _parse_duration(typed: str) -> timedelta:
    """Parse a duration; zero if invalid, which is too short for a break."""
    try:
        return parse_length(typed, "d")
    except Refusal:
        return timedelta()


def handle_give(work: Work, message: ChatMessageSent, argument: str) -> None:
    """Handle `!give @viewer 100`."""
    settings = load_settings(work, PointsSettings)
    if not settings.enabled:
        return
    giver = people.get_or_create_sender(work.tx, message)
    name, _space, typed = argument.strip().partition(" ")
    try:
        if not typed:
            raise Refusal(_("Usage: !give @viewer 100"))
        to = find_person(work, name, meant=store.HAS_POINTS, platform=message.platform)
        gift = give(work, giver, to, typed, f"{message.platform}:{message.key}")
    except Refusal as refusal:
        refused = {"what": refusal.what}
        once = f"give:{giver}"
        outbox.post_reply(work, message, "points.refused", refused, once_a_minute=once)
        return
    if gift.amount:
        name = public_names(work, [giver, to.viewer_id])[to.viewer_id]
        payload = settings.currency | {"name": name, "points": gift.amount, "left": gift.left}
        outbox.post_reply(work, message, "points.given", payload)


def handle_board(work: Work, message: ChatMessageSent, _argument: str) -> None:
    """Handle `!pointsboard`: the top five, once a minute."""
    settings = load_settings(work, PointsSettings)
    if not settings.enabled or settings.provider != "own":
        return
    named, names = named_only(work, store.list_places(work, 25, 0))
    places = named[:5]
    payload = settings.currency | {
        "names": [names[place.viewer_id] for place in places],
        "points": [place.points for place in places],
    }
    outbox.post_reply(work, message, "points.board", payload, once_a_minute="all")


# -- responsible play -----------------------------------------------------------------------------

MIN_BREAK, MAX_BREAK = timedelta(days=1), timedelta(days=366)


def get_limit(work: Work, viewer_id: int) -> tuple[PlayLimit | None, int]:
    """The strictest limit of a person, and their losses today."""
    accounts = store.accounts_of(work, viewer_id)
    lost = sum(store.list_lost(work, accounts, ledger.today(work)).values())
    found = list(store.list_limits(work, accounts).values())
    if not found:
        return None, lost
    day = ledger.today(work)
    losses = [limit.loss_on(day) for limit in found]
    breaks = [
        limit.break_until for limit in found if limit.break_until and limit.break_until > work.now
    ]
    strictest = PlayLimit(
        viewer_id=ViewerId(viewer_id),
        daily_loss=min((loss for loss in losses if loss is not None), default=None),
        break_until=max(breaks, default=None),
    )
    later = [limit for limit in found if limit.next_from is not None and limit.next_from > day]
    if later:
        strictest.next_loss, strictest.next_from = later[0].next_loss, later[0].next_from
    return strictest, lost


def set_limit_from_text(work: Work, viewer_id: int, typed: str) -> None:
    """Set a typed limit: points, or `none`; an empty text changes nothing."""
    word = typed.strip().casefold()
    if word.split(" ")[0] in ("none", "off"):
        set_loss_limit(work, viewer_id, None)
    elif word:
        set_loss_limit(work, viewer_id, int(split_amount(word, digits=0)[0]))


def set_loss_limit(work: Work, viewer_id: int, maximum: int | None) -> None:
    """Set the daily loss limit. A lower limit applies at once; a higher one, or none, from
    tomorrow."""
    work.lock(Lock.POINTS)
    day = ledger.today(work)
    for limit in _limits_of(work, viewer_id):
        now = limit.loss_on(day)
        if maximum is not None and (now is None or maximum <= now):
            limit.daily_loss, limit.next_loss, limit.next_from = maximum, None, None
        elif now is not None:
            limit.daily_loss = now
            limit.next_loss, limit.next_from = maximum, day + timedelta(days=1)


def take_break(work: Work, viewer_id: int, length: timedelta) -> None:
    """Exclude a viewer from games. A break can be made longer, never shorter."""
    if not MIN_BREAK <= length <= MAX_BREAK:
        raise Refusal(_("Choose a break between 1 day and 1 year."), _("Usage: !points break 7d"))
    work.lock(Lock.POINTS)
    for limit in _limits_of(work, viewer_id):
        until = work.now + length
        limit.break_until = max(until, limit.break_until) if limit.break_until else until


def _limits_of(work: Work, viewer_id: int) -> list[PlayLimit]:
    """Get or create the limits of each account of a person."""
    accounts = store.accounts_of(work, viewer_id)
    found = store.list_limits(work, accounts)
    for account in accounts:
        if account not in found:
            found[account] = PlayLimit(viewer_id=ViewerId(account))
            work.add(found[account])
    return list(found.values())


# -- seasons --------------------------------------------------------------------------------------


@admins_only
def end_season(work: Work, number: int) -> int:
    """Reset all balances; returns the number of the new season. The entries of the reset are the
    old season's leaderboard.

    Args:
        number: number of the current season, so that a second click does not end the next one.
    """
    require_own(load_settings(work, PointsSettings))
    work.lock(Lock.POINTS)
    current = store.current_season(work)
    if number != current:
        raise Refusal(_("Season {number} has already ended.").format(number=number))
    held = store.list_balances(work)
    new = [
        NewEntry(f"season:{number}:{viewer_id}:{bucket}", viewer_id, bucket, -points)
        for viewer_id, bucket, points in held
    ]
    ledger.post(work, "season", new, actor=work.actor)
    ending = work.find(Season, number)
    if ending is None:
        first = work.scalar(select(func.min(Entry.at))) or work.now
        ending = Season(number=number, started_at=first)
        work.add(ending)
    ending.ended_at = work.now
    work.add(Season(number=number + 1, started_at=work.now))
    audit(
        work, "points.season", f"#{number}", after=sum(points for _viewer, _bucket, points in held)
    )
    return number + 1


# -- the economy ----------------------------------------------------------------------------------


class Economy(NamedTuple):
    """Points held by viewers per bucket, and given and taken by house accounts in recent days.

    Attributes:
        daily: day -> points given and taken by all accounts.
    """

    supply: dict[str, int]
    given: dict[str, int]
    taken: dict[str, int]
    daily: dict[date, tuple[int, int]]


def get_economy(work: Work, days: int) -> Economy:
    """The economy of the last days, including today. Gifts between viewers are not counted."""
    last = ledger.today(work)
    first = last - timedelta(days=days - 1)
    daily = {first + timedelta(days=number): (0, 0) for number in range(days)}
    given: Counter[str] = Counter()
    taken: Counter[str] = Counter()
    for flow in store.list_flows(work, first):
        given[flow.account] += flow.given
        taken[flow.account] += flow.taken
        created, destroyed = daily.get(flow.day, (0, 0))
        daily[flow.day] = created + flow.given, destroyed + flow.taken
    return Economy(store.get_supply(work), dict(given), dict(taken), daily)
