"""Declares the raffle feature."""

from core.events import (
    AccountLinked,
    GuessWinRevoked,
    GuessWon,
    PointsSpent,
    SubGifted,
    SupportRevoked,
    ViewerBanned,
)
from core.kit.database.privacy import personal_data
from core.kit.database.work import chat_action, event_action, event_batch
from core.kit.feature import ChatCommand, Feature, count_in
from core.kit.tasks import Task
from core.kit.text.words import N_, _, plural
from core.raffle import pages, tasks
from core.raffle.draw import messages as draw_messages
from core.raffle.draw.actions import on_viewer_banned
from core.raffle.draw.claims import forget_winner
from core.raffle.draw.discord import ClaimButton, DrawButton, Draws, render_winner, render_won
from core.raffle.draw.pages import pages as draw_pages
from core.raffle.draw_records import Pick
from core.raffle.ledger import messages as ledger_messages
from core.raffle.ledger.actions import on_account_linked, reply_with_raffle, reply_with_tickets
from core.raffle.ledger.bought import TICKETS_OFFER, on_points_spent
from core.raffle.ledger.discord import BOARD, TICKETS, WHY, Tickets, VoidChoice
from core.raffle.ledger.earning import forget
from core.raffle.ledger.gifts import on_subs_gifted, on_support_revoked
from core.raffle.ledger.hunts import on_guess_win_revoked, on_guess_won
from core.raffle.periods import messages as period_messages
from core.raffle.periods.discord import INFO, ChangeButton, RaffleCalendar
from core.raffle.records import Balance, Entry, Gift, SourceTotal
from core.raffle.rules import RaffleSettings

FEATURE = Feature(
    "raffle",
    handlers={
        AccountLinked: event_action(on_account_linked),
        GuessWon: event_action(on_guess_won),
        GuessWinRevoked: event_action(on_guess_win_revoked),
        PointsSpent: event_action(on_points_spent),
        SupportRevoked: event_action(on_support_revoked),
        ViewerBanned: event_action(on_viewer_banned),
    },
    batch_handlers={SubGifted: event_batch(on_subs_gifted)},
    cogs=(lambda _services: Tickets(), RaffleCalendar, Draws),
    pages=(draw_pages,),
    chat_commands=(
        ChatCommand(
            ("tickets",),
            chat_action(reply_with_tickets),
            usage="!tickets",
            help="Shows your raffle tickets and your chance.",
        ),
        ChatCommand(
            ("raffle",),
            chat_action(reply_with_raffle),
            usage="!raffle",
            help="Shows the prize, the time left and how to earn tickets.",
        ),
    ),
    settings=tuple(RaffleSettings.declared.values()),
    tasks=(
        Task("raffle.periods", lambda _settings: 3.0, tasks.open_months, ("raffle", "guilds")),
        Task("raffle.earn", lambda settings: settings.watch_interval_seconds, tasks.credit_open),
        Task("raffle.announce", lambda _settings: 2.0, tasks.announce_gifts, ("raffle",)),
        Task("raffle.draw", lambda _settings: 3.0, tasks.advance_draws, ("raffle",)),
    ),
    embeds={
        "raffle.opened": draw_messages.opened,
        "raffle.dates": period_messages.dates,
        "raffle.changed": ledger_messages.change,
        "raffle.gift": ledger_messages.gift,
        "raffle.hunt": ledger_messages.hunt_prize,
        "raffle.waited": ledger_messages.waited,
        "raffle.planned": draw_messages.planned,
        "raffle.frozen": draw_messages.frozen,
        "raffle.given_up": draw_messages.given_up,
        "raffle.winner": render_winner,
        "raffle.reveal": draw_messages.reveal,
        "raffle.unreachable": draw_messages.unreachable,
        "raffle.won": render_won,
        "raffle.undelivered": draw_messages.undelivered,
        "raffle.refrozen": draw_messages.refrozen,
        "raffle.skipped": draw_messages.skipped,
        "raffle.nobody": draw_messages.nobody,
    },
    lines={
        "raffle.tickets": ledger_messages.tickets_line,
        "raffle.info": ledger_messages.raffle_line,
    },
    checks=(tasks.check_health,),
    paginators=(WHY, BOARD, TICKETS, INFO),
    buttons=(VoidChoice, ClaimButton, DrawButton, ChangeButton),
    audit={
        "raffle.open": N_("opened raffle {target}, until {after_ends_at}"),
        "raffle.end": N_("ended raffle {target} early (was {before_ends_at})"),
        "raffle.cancel": N_("cancelled raffle {target}"),
        "raffle.move": N_(
            "moved raffle {target}: {after_starts_at} to {after_ends_at} "
            "(was {before_starts_at} to {before_ends_at})"
        ),
        "raffle.prize": N_("set the prize of raffle {target}"),
        "raffle.freeze": N_("froze the ticket list of raffle {target}"),
        "raffle.refrozen": lambda _before, after: plural(
            "found {count} posted frozen list missing from the database",
            "found {count} posted frozen lists missing from the database",
            count_in(after),
        ),
        "raffle.give_up_beacon": N_("drew raffle {target} without the public random number"),
        "raffle.draw": N_("drew raffle {target}"),
        "raffle.pick": lambda before, after: (
            _("picked winner {target}")
            if after == "drawn"
            else _("skipped winner {target}: {after}").replace(
                "{after}", draw_messages.reason_words(str(after)) or "–"
            )
        ),
        "raffle.claim": N_("claimed prize {target}"),
        "raffle.more_time": N_("gave {after} more time to claim prize {target}"),
        "raffle.expire": N_("let the claim of {after} on prize {target} expire"),
        "raffle.skip": N_("replaced {after}, who can no longer win prize {target}"),
        "raffle.post_again": N_("notified winner {target} again"),
        "raffle.deliver": N_("marked prize {target} as delivered to {after}"),
        "raffle.give": N_("gave tickets to {target}: {before} → {after}"),
        "raffle.remove": N_("removed tickets from {target}: {before} → {after}"),
        "raffle.void": N_("removed tickets from {target} for a refunded gift: {after}"),
    },
    dashboard=pages.PAGES,
    stats=pages.stats,
    setup=pages.setup,
    person=pages.person,
    public=(pages.PUBLIC,),
    overlays=(pages.OVERLAY,),
    offers=(TICKETS_OFFER,),
    latest=pages.latest,
    personal=personal_data(
        Entry, Balance, SourceTotal, Gift, Pick, before_forget=forget, sweep=forget_winner
    ),
)
