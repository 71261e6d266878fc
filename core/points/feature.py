"""Declares the points feature. It needs the other features, because they declare offers."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from core.events import (
    BitsCheered,
    ChannelRaided,
    KicksGifted,
    PointsPurchaseRefused,
    StreamElementsSettled,
    SubGifted,
    SubscriptionRenewed,
    SubscriptionStarted,
    SupportRevoked,
)
from core.kit.database.privacy import personal_data
from core.kit.database.work import chat_action, event_action, event_batch
from core.kit.feature import ChatCommand, Feature, count_in
from core.kit.tasks import Task
from core.kit.text.words import N_, plural
from core.points import messages, pages
from core.points.actions import handle_board, handle_give, handle_points
from core.points.discord import BOARD, WHY, ImportButton, Points, PointsAdmin, SeasonButton
from core.points.earning import (
    credit_in_all_servers,
    forget,
    on_support,
    on_support_revoked,
    on_supports,
)
from core.points.health import audit_ledger, check_health
from core.points.imports import read_imports
from core.points.records import (
    AccountTotal,
    Balance,
    Entry,
    Import,
    ImportLine,
    Move,
    PlayLimit,
    Purchase,
)
from core.points.rules import NAMES, PointsSettings
from core.points.shop import Shop, on_purchase_refused
from core.points.streamelements import on_settled

_SUPPORT = (
    BitsCheered,
    ChannelRaided,
    KicksGifted,
    SubscriptionRenewed,
    SubscriptionStarted,
)
DAY_SECONDS = 86_400.0


def make_feature(others: Sequence[Feature]) -> Feature:
    """Points, with a shop for the offers of the other features."""
    shop = Shop([offer for other in others for offer in other.offers])
    return Feature(
        "points",
        batch_handlers={SubGifted: event_batch(on_supports)},
        handlers={kind: event_action(on_support) for kind in _SUPPORT}
        | {
            SupportRevoked: event_action(on_support_revoked),
            PointsPurchaseRefused: event_action(on_purchase_refused),
            StreamElementsSettled: event_action(on_settled),
        },
        cogs=(lambda _services: Points(shop), lambda _services: PointsAdmin()),
        chat_commands=(
            ChatCommand(
                NAMES,
                chat_action(handle_points),
                usage="!points [@viewer | limit 500 | break 7d]",
                help="Shows your points or another viewer's, or sets your limits for games.",
                lasts=timedelta(days=1),
            ),
            ChatCommand(
                ("give",),
                chat_action(handle_give),
                usage="!give @viewer <amount>",
                help="Gives points to another viewer: a number, 5k, 50% or all.",
            ),
            ChatCommand(
                ("pointsboard",),
                chat_action(handle_board),
                usage="!pointsboard",
                help="Shows who has the most points.",
            ),
            ChatCommand(
                ("buy",),
                chat_action(shop.handle_buy),
                usage="!buy <what> [how many]",
                help="Buys something with your points, such as raffle tickets.",
            ),
        ),
        settings=(*PointsSettings.declared.values(), *shop.settings),
        tasks=(
            Task(
                "points.earn",
                lambda settings: settings.watch_interval_seconds,
                credit_in_all_servers,
            ),
            Task(
                "points.reconcile",
                lambda _settings: DAY_SECONDS,
                partial(credit_in_all_servers, everybody=True),
            ),
            Task("points.audit", lambda _settings: DAY_SECONDS, audit_ledger),
            Task("points.import", lambda _settings: 2.0, read_imports, ("points",)),
        ),
        embeds={"points.refunded": messages.refunded},
        lines={
            "points.balance": messages.balance_line,
            "points.given": messages.given_line,
            "points.board": messages.board_line,
            "points.refused": messages.refused_line,
            "points.limit": messages.limit_line,
            "points.offers": messages.offers_line,
            "points.bought": messages.bought_line,
            "points.returned": messages.returned_line,
        },
        paginators=(BOARD, WHY),
        checks=(check_health,),
        buttons=(SeasonButton, ImportButton),
        audit={
            "points.change": N_("changed {target}'s points: {before} → {after}"),
            "points.change_many": N_(
                "changed the points of several viewers ({target}) by {after} in total"
            ),
            "points.import": lambda before, _after: plural(
                "imported points for {count} viewer: {{after}} in total",
                "imported points for {count} viewers: {{after}} in total",
                count_in(before),
            ),
            "points.season": N_("ended points season {target}; viewers held {after}"),
        },
        dashboard=pages.pages_of(shop),
        me=pages.ME,
        stats=pages.stats,
        person=pages.person,
        public=(pages.PUBLIC,),
        overlays=(pages.OVERLAY,),
        personal=personal_data(
            Entry,
            Balance,
            AccountTotal,
            Move,
            PlayLimit,
            Purchase,
            Import,
            ImportLine,
            before_forget=forget,
        ),
    )
