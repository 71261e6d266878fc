"""Declares the heist feature."""

from core.events import PointsMoved
from core.heist import messages, webhooks
from core.heist.actions import cancel_in_chat, on_points_moved, start_in_chat
from core.heist.discord import (
    HISTORY,
    HeistButton,
    Heists,
    OwedButton,
    render_message,
    render_owed,
)
from core.heist.health import check_health
from core.heist.joining import join
from core.heist.pages import OVERLAY, PAGES, PUBLIC, activity, files, latest, stats
from core.heist.panel import forget
from core.heist.records import Heist, Player
from core.heist.rules import CANCEL_NAMES, JOIN_NAMES, START_NAMES, HeistSettings
from core.heist.tasks import run_heists
from core.kit.database.privacy import personal_data
from core.kit.database.work import chat_action, chat_batch_action, event_action
from core.kit.feature import ChatCommand, Feature, count_in
from core.kit.tasks import Task
from core.kit.text.words import N_, plural

FEATURE = Feature(
    "heist",
    handlers={PointsMoved: event_action(on_points_moved)},
    paginators=(HISTORY,),
    cogs=(lambda _services: Heists(),),
    pages=(files, webhooks.pages),
    chat_commands=(
        ChatCommand(
            START_NAMES,
            chat_action(start_in_chat),
            usage="!heist [odds]",
            help="Starts a heist, or shows the odds.",
        ),
        ChatCommand(
            JOIN_NAMES,
            chat_batch_action(join),
            usage="!join <amount> [low|medium|high]",
            help="Joins the heist with a stake: 500, 5k, 50% or all.",
            in_batches=True,
        ),
        ChatCommand(
            CANCEL_NAMES,
            chat_action(cancel_in_chat),
            usage="!cancelheist",
            help="Cancels the heist and refunds all stakes (moderators only).",
        ),
    ),
    settings=tuple(HeistSettings.declared.values()),
    tasks=(Task("heist.run", lambda _settings: 1.0, run_heists, ("heist",)),),
    embeds={"heist.message": render_message, "heist.owed": render_owed},
    lines={
        "heist.opened": messages.opened_line,
        "heist.not_started": messages.not_started_line,
        "heist.not_joined": messages.not_joined_line,
        "heist.locked": messages.locked_line,
        "heist.result": messages.result_line,
        "heist.cancelled": messages.cancelled_line,
        "heist.ready": messages.ready_line,
        "heist.odds": messages.odds_line,
    },
    checks=(check_health,),
    buttons=(HeistButton, OwedButton),
    audit={
        "heist.start": N_("started heist {target}"),
        "heist.pay_again": lambda _before, after: plural(
            "retried paying {count} point of heist {{target}}",
            "retried paying {count} points of heist {{target}}",
            count_in(after),
        ),
        "heist.write_off": lambda _before, after: plural(
            "wrote off {count} point of heist {{target}}",
            "wrote off {count} points of heist {{target}}",
            count_in(after),
        ),
        "heist.cancel": N_("cancelled heist {target}"),
        "heist.widget_key": N_("created a new key for the heist widget"),
    },
    dashboard=PAGES,
    stats=stats,
    activity=activity,
    public=(PUBLIC,),
    overlays=(OVERLAY,),
    latest=latest,
    personal=personal_data(Player, Heist, before_forget=forget),
)
