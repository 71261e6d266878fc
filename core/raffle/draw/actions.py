"""Freezing the ticket list and drawing from it. Each step is announced in its own transaction."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import islice

from sqlalchemy import func, select

from core.drand.chain import Round
from core.draws import secrets
from core.draws.picks import SkipReason
from core.draws.snapshot import choose_round, hash_of
from core.draws.snapshot import freeze as freeze_list
from core.events import ViewerBanned
from core.guilds.actions import audit, load_settings
from core.kit.database.records import ChannelId, MemberId, ViewerId
from core.kit.database.work import Lock, Work
from core.kit.errors import Refusal
from core.kit.text.words import _
from core.people import actions as people
from core.people import store as linked
from core.people.exclusions import actions as exclusions
from core.people.linking.actions import are_links_handled
from core.raffle import store as raffles
from core.raffle.actions import Config, message_key, plan_of, plan_payload, post_news
from core.raffle.draw import posts, store
from core.raffle.draw.frozen import FrozenRaffle, lock_frozen
from core.raffle.draw.store import Holders
from core.raffle.draw_records import WINNING, Draw, Pick
from core.raffle.ledger import earning
from core.raffle.records import Announcement, Period
from core.raffle.rules import RaffleSettings

RECENT_DRAW = timedelta(hours=24)


# -- which raffle -------------------------------------------------------------------------------


def get_period_to_draw(work: Work, number: int | None = None) -> Period:
    """The raffle with this number, or the oldest ended one that is not frozen. Raises Refusal if
    there is none to draw."""
    if number is not None:
        return _require_ended(work, work.find(Period, number), number)
    undrawn = [*raffles.list_in_state(work, "frozen"), *raffles.list_in_state(work, "open")]
    ended = [period for period in undrawn if period.state == "open" and period.ends_at <= work.now]
    return _require_ended(work, next(iter(ended or undrawn), None), None)


def _require_ended(work: Work, found: Period | None, number: int | None) -> Period:
    period = raffles.require_undrawn(found, number)
    if period.state == "frozen":
        raise Refusal(
            _("Raffle #{number} is frozen and will be drawn automatically.").format(
                number=period.number
            ),
            _(
                "It is waiting for the beacon. Once the round is an hour late, you can draw "
                "without it."
            ),
        )
    if period.ends_at > work.now:
        raise Refusal(
            _("Raffle #{number} is still running.").format(number=period.number),
            _("You can draw it after it ends: <t:{end}:f>.").format(
                end=int(period.ends_at.timestamp())
            ),
        )
    return period


def find_overdue(work: Work, number: int | None = None) -> Draw | None:
    """A frozen draw whose round is late enough for an admin to draw without it."""
    frozen = (work.find(Draw, period.number) for period in raffles.list_in_state(work, "frozen"))
    waiting = (draw for draw in frozen if draw and draw.is_overdue(work.now))
    return next((draw for draw in waiting if number in (None, draw.period)), None)


def preview(work: Work, number: int | None = None) -> tuple[Period, Holders]:
    """The raffle that `/raffledraw` would freeze now, and the list's contents. Raises Refusal if
    there is nothing to draw or no channel is set."""
    period = get_period_to_draw(work, number)
    _get_channel(work)
    return period, store.get_holders(work, period.number)


def find_recent(work: Work) -> datetime | None:
    """When the last list was frozen, if recently: drawing again may be a mistake."""
    last = work.scalar(select(func.max(Draw.frozen_at)))
    return last if last is not None and work.now - last < RECENT_DRAW else None


# -- the plan -----------------------------------------------------------------------------------


def announce_plan(work: Work, config: Config, number: int) -> None:
    """Announce the plan of an open raffle if it changed and is in the future."""
    if find_new_plan(work, config, work.find(Period, number)) is None:
        return
    period = raffles.lock_period(work, number)
    plan = find_new_plan(work, config, period)
    if plan is not None and period is not None:
        work.add(plan)
        key = message_key("raffle.planned", number, plan.at.isoformat())
        post_news(work, "raffle.planned", key, config.about(period) | plan_payload(plan))


def find_new_plan(work: Work, config: Config, period: Period | None) -> Announcement | None:
    """The plan of an open raffle, if it is in the future and not announced yet."""
    if period is None or period.state != "open":
        return None
    plan = plan_of(work, config, period, "planned")
    last = raffles.find_plan(work, period.number)
    is_known = last is not None and (last.planned_at, last.chain) == (plan.planned_at, plan.chain)
    return None if is_known or plan.planned_at is None or plan.planned_at <= work.now else plan


# -- freezing -----------------------------------------------------------------------------------


def freeze(work: Work, config: Config, number: int, *, with_beacon: bool = True) -> Draw:
    """Freeze the list of an ended raffle, choose a future beacon round, and announce the list's
    hash and the round. Raises Refusal if the raffle is still running, was frozen before, or no
    channel is set."""
    work.lock(Lock.LINKS)
    period = _require_ended(work, raffles.lock_period(work, number), number)
    channel_id = _get_channel(work)
    if not are_links_handled(work.tx, work.guild_id):
        raise Refusal(
            _("An account was just linked or unlinked, so its tickets are being recounted."),
            _("Try again in a few seconds."),
        )
    earning.credit(work, period)
    accounts, tickets, members, left_out = store.get_holders(work, number)
    frozen_at = work.now.replace(microsecond=0)
    plan = raffles.find_plan(work, number)
    announced = plan.plan if plan else None
    chosen = choose_round(config.chain, announced, frozen_at) if with_beacon else None
    draw = Draw(
        period=number,
        entrants=len(accounts),
        tickets=sum(tickets),
        left_out=len(left_out),
        frozen_at=frozen_at,
        frozen_by=work.actor or None,
        channel_id=channel_id,
        claim_minutes=load_settings(work, RaffleSettings).claim_minutes,
        chain=config.chain.name if chosen else None,
        round=chosen,
        round_at=config.chain.made_at(chosen) if chosen else None,
    )
    raffle = FrozenRaffle(work, config, period, draw)
    draw.snapshot_hash = ""
    draw.snapshot = freeze_list(raffle.terms, raffle.salt, accounts, tickets, members)
    draw.snapshot_hash = hash_of(draw.snapshot)
    work.add(draw)
    earlier = raffles.list_freezes(work, number)
    work.add(draw.announcement)
    store.set_listed(work, number, left_out)
    period.state, period.frozen_at = "frozen", frozen_at
    audit(work, "raffle.freeze", f"#{number}", after=draw.snapshot_hash)
    posts.announce_freeze(raffle, earlier)
    return draw


def freeze_due(work: Work, config: Config, number: int) -> Draw | None:
    """Freeze automatically; returns None if the raffle was already frozen, its end was changed, or
    a link is just being changed."""
    work.lock(Lock.LINKS)
    if not are_links_handled(work.tx, work.guild_id):
        return None
    period = raffles.lock_period(work, number)
    is_due = period is not None and period.state == "open" and period.ends_at <= work.now
    return freeze(work, config, number) if is_due else None


def _get_channel(work: Work) -> ChannelId:
    channel_id = load_settings(work, RaffleSettings).channel
    if not channel_id:
        raise Refusal(
            _("No channel is set for announcing the draw."),
            _("Set one with `/settings set raffle.channel`."),
        )
    return ChannelId(channel_id)


def post_freeze_again(work: Work, config: Config, number: int) -> None:
    """Retry the post with the list's hash if Discord refused it."""
    raffle = lock_frozen(work, config, number)
    if raffle is not None and raffle.period.state == "frozen":
        posts.post_freeze_again(raffle)


def compare_posted_freezes(
    work: Work, config: Config, number: int, posted: Sequence[posts.PostedFreeze]
) -> None:
    """Compare the frozen lists with those the bot posted in Discord. If one is missing from the
    database, it was removed: record and announce that."""
    raffle = lock_frozen(work, config, number)
    known = set(work.scalars(select(Announcement.snapshot_hash)))
    missing = [freeze for freeze in posted if freeze.snapshot_hash not in known]
    if raffle is None or not missing:
        return
    for posted_freeze in missing:
        digest = posted_freeze.snapshot_hash
        work.add(
            Announcement(period=number, kind="found", at=posted_freeze.at, snapshot_hash=digest)
        )
    newest = max(freeze.at for freeze in missing)
    posts.announce_draw(
        raffle, "raffle.refrozen", newest.isoformat(), rows=[freeze.url for freeze in missing]
    )
    audit(work, "raffle.refrozen", f"#{number}", after=len(missing))


# -- the beacon ---------------------------------------------------------------------------------


def store_round(work: Work, config: Config, number: int, random: Round) -> bool:
    """Store the announced round; returns False if the draw no longer waits for it. Raises Refusal
    if it is a different round or from a different beacon."""
    raffle = lock_frozen(work, config, number)
    if raffle is None or not raffle.draw.waits_for_beacon:
        return False
    draw = raffle.draw
    if (random.chain, random.number) != (draw.chain, draw.round):
        raise raffle.other_beacon()
    draw.randomness, draw.signature = random.randomness, random.signature
    return True


def give_up_beacon(work: Work, config: Config, number: int) -> None:
    """Draw without the announced round, and announce that. Raises Refusal if the draw is not
    waiting for the beacon or has not waited long enough."""
    raffle = lock_frozen(work, config, number)
    if raffle is None or not raffle.draw.is_overdue(work.now):
        raise Refusal(
            _("This draw has to wait for the announced beacon round."),
            _("You can draw without it once the round is an hour late."),
        )
    draw = raffle.draw
    draw.given_up_by, draw.given_up_at = work.actor, work.now
    audit(work, "raffle.give_up_beacon", f"#{number}", before=draw.round)
    due = draw.round_at.isoformat() if draw.round_at else None
    posts.announce_draw(raffle, "raffle.given_up", round=draw.round, round_at=due)


# -- drawing ------------------------------------------------------------------------------------


def draw_winners(work: Work, config: Config, number: int) -> bool:
    """Draw from a frozen list once its hash is posted and its round is known or given up; returns
    False if there is nothing to do."""
    raffle = lock_frozen(work, config, number)
    if raffle is None or raffle.period.state != "frozen" or raffle.draw.waits_for_beacon:
        return False
    if not posts.is_freeze_posted(raffle):
        raffle.check_owners(raffle.check())
        return False
    raffle.period.state, raffle.period.drawn_at = "drawn", work.now
    audit(work, "raffle.draw", f"#{number}", after=raffle.draw.randomness)
    pick_missing(raffle)
    return True


def pick_missing(raffle: FrozenRaffle) -> None:
    """Draw until there are enough winners or no entrants left, then close the raffle if it is over.
    Hold the period's lock."""
    picked = store.list_picks(raffle.work, raffle.number)
    missing = raffle.period.winners_wanted - sum(pick.state in WINNING for pick in picked)
    if missing > 0 and not _pick_next(raffle, picked, missing):
        posts.announce_draw(raffle, "raffle.nobody")
    close_if_over(raffle)


def _pick_next(raffle: FrozenRaffle, picked: Sequence[Pick], missing: int) -> bool:
    """Draw the next winner after the previous picks; returns False if there is none."""
    entrants = raffle.check()
    viewer_ids = raffle.check_owners(entrants)
    order = raffle.order(entrants)
    for pick in picked:
        if next(order, None) != pick.pseudonym:
            raise raffle.replaced(pick)
    found = 0
    for k, pseudonym in enumerate(order, len(picked) + 1):
        pick = _add_pick(raffle, k, pseudonym, viewer_ids.get(pseudonym))
        if pick.reason is not None:
            posts.announce_draw(
                raffle, "raffle.skipped", k, k=k, pseudonym=pseudonym, reason=pick.reason
            )
            continue
        if found == 0:
            posts.animate(raffle, k, entrants.pseudonyms[: posts.NAMES])
        posts.announce_winner(raffle, pick)
        found += 1
        if found == missing:
            break
    return found > 0


def list_next(work: Work, config: Config, number: int) -> list[MemberId]:
    """The members who would win next; none while the draw waits for its round."""
    raffle = lock_frozen(work, config, number)
    if raffle is None or raffle.draw.waits_for_beacon:
        return []
    picked = store.list_picks(work, number)
    wanted = raffle.period.winners_wanted
    missing = wanted - sum(pick.state == "claimed" for pick in picked)
    entrants = raffle.check()
    viewer_ids = raffle.check_owners(entrants)
    found: list[MemberId] = []
    for pseudonym in islice(raffle.order(entrants), len(picked), None):
        reason, member = _find_skip_reason(raffle, pseudonym, viewer_ids.get(pseudonym))
        if len(found) == missing:
            break
        if reason is None and member is not None:
            found.append(member)
    return found


def _add_pick(raffle: FrozenRaffle, k: int, pseudonym: str, viewer_id: ViewerId | None) -> Pick:
    """Store who was drawn, and whether they win."""
    work, number = raffle.work, raffle.number
    reason, discord_id = _find_skip_reason(raffle, pseudonym, viewer_id)
    pick = Pick(
        period=number,
        k=k,
        viewer_id=viewer_id,
        pseudonym=pseudonym,
        claimant=None if reason or not discord_id else secrets.claimant(raffle.salt, discord_id),
        state="skipped" if reason else "drawn",
        reason=reason,
        discord_id=discord_id,
        drawn_at=work.now,
        expires_at=None if reason else work.now + raffle.draw.claim_window,
        channel_id=None if reason else posts.channel_of(raffle),
    )
    work.add(pick)
    audit(work, "raffle.pick", f"#{number}.{k}", after=reason or "drawn")
    return pick


def _find_skip_reason(
    raffle: FrozenRaffle, pseudonym: str, viewer_id: ViewerId | None
) -> tuple[SkipReason | None, MemberId | None]:
    """Why the person with this line cannot win, and the member who may claim: the one whose code is
    in the list, if one of the line's accounts is still linked with them."""
    work, number = raffle.work, raffle.number
    if viewer_id is None:  # their data was deleted
        return "unlinked", None
    code = raffle.claimant_of(pseudonym)
    links = (
        linked.find_link_of_viewer(work, account_id)
        for account_id in store.list_line(work, number, viewer_id)
    )
    members = (MemberId(link.discord_id) for link in links if link is not None)
    member = next(
        (candidate for candidate in members if not code or raffle.is_claimant(candidate, code)),
        None,
    )
    ban = find_ban(work, number, viewer_id)
    if ban is not None or member is None:
        return ban or "unlinked", member
    won = work.exists(Pick.period == number, Pick.discord_id == member, Pick.state.in_(WINNING))
    return "won_already" if won else None, member


def close_if_over(raffle: FrozenRaffle) -> None:
    """Close the raffle if no prize is left to claim or deliver. Hold the period's lock."""
    waiting = (Pick.period == raffle.number, Pick.state.in_(("drawn", "claimed")))
    if not raffle.work.exists(*waiting):
        raffle.period.state, raffle.period.closed_at = "closed", raffle.work.now


# -- who may not win ----------------------------------------------------------------------------


def find_ban(work: Work, number: int, viewer_id: ViewerId | None) -> SkipReason | None:
    """Why the person with this line of a frozen list may not win now: excluded or banned with any
    account of the line, whether or not it is still linked."""
    accounts = store.list_line(work, number, viewer_id) if viewer_id else ()
    causes = {
        cause for account in accounts for cause in exclusions.list_causes(work, account, "raffle")
    }
    if not causes:
        return None
    return "banned" if {"kick_ban", "discord_ban"}.issuperset(causes) else "excluded"


def on_viewer_banned(work: Work, event: ViewerBanned) -> None:
    """A viewer was banned or timed out in the stream's chat."""
    viewer_id = people.get_or_create_person(
        work.tx, work.guild_id, event.platform, event.viewer, event.at
    )
    exclusions.exclude_viewer(
        work, viewer_id, "raffle", "kick_ban", reason=event.reason, until=event.until
    )


def set_discord_ban(work: Work, discord_id: int, banned: bool) -> None:
    """A member was banned from the Discord server, or unbanned."""
    change = exclusions.exclude_viewer if banned else exclusions.include_viewer
    for link in linked.list_links(work, discord_id):
        change(work, link.viewer_id, "raffle", "discord_ban")
