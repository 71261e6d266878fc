"""Declares the bonus hunt feature."""

from datetime import timedelta

from core.bonus_hunt import messages
from core.bonus_hunt.discord import HISTORY, BonusHunts, HuntButton, render_message
from core.bonus_hunt.guessing import guess_in_chat, reply_with_hunt
from core.bonus_hunt.pages import OVERLAY, PAGES, PUBLIC, activity, latest, stats
from core.bonus_hunt.panel import forget, on_setting_changed
from core.bonus_hunt.records import Bonus, Guess, Hunt
from core.bonus_hunt.rules import GUESS_NAMES, HuntSettings
from core.events import SettingChanged
from core.kit.database.privacy import personal_data
from core.kit.database.work import chat_action, event_action
from core.kit.feature import ChatCommand, Digested, Feature
from core.kit.text.words import N_

FEATURE = Feature(
    "bonus_hunt",
    handlers={SettingChanged: event_action(on_setting_changed)},
    paginators=(HISTORY,),
    cogs=(lambda _services: BonusHunts(),),
    chat_commands=(
        ChatCommand(
            GUESS_NAMES,
            chat_action(guess_in_chat),
            usage="!guess <amount>",
            help="Guess how much the bonus hunt returns; your last guess counts.",
            lasts=timedelta(days=1),
        ),
        ChatCommand(
            ("hunt",),
            chat_action(reply_with_hunt),
            usage="!hunt",
            help="Shows the current bonus hunt.",
        ),
    ),
    settings=tuple(HuntSettings.declared.values()),
    embeds={"bonus_hunt.message": render_message},
    lines={
        "bonus_hunt.guesses": messages.guesses_line,
        "bonus_hunt.guessed": Digested(messages.guessed_line, messages.guesses_in_line),
        "bonus_hunt.rejected": messages.rejected_line,
        "bonus_hunt.status": messages.hunt_line,
    },
    buttons=(HuntButton,),
    audit={
        "bonus_hunt.start": N_("started bonus hunt {target} for {after}"),
        "bonus_hunt.add": N_("added a bonus to hunt {target}: {after}"),
        "bonus_hunt.remove": N_("removed a bonus from hunt {target}: {before}"),
        "bonus_hunt.edit": N_("corrected hunt {target}: {before} → {after}"),
        "bonus_hunt.open": N_("started opening the bonuses of hunt {target}"),
        "bonus_hunt.result": N_("entered a result in hunt {target}: {after}"),
        "bonus_hunt.skip": N_("skipped a bonus in hunt {target}"),
        "bonus_hunt.guess_open": N_("opened guessing in hunt {target}"),
        "bonus_hunt.guess_close": N_("closed guessing in hunt {target}"),
        "bonus_hunt.finish": N_("finished bonus hunt {target}"),
        "bonus_hunt.reopen": N_("reopened bonus hunt {target}"),
        "bonus_hunt.undo": messages.audited_undo,
        "bonus_hunt.show": N_("posted bonus hunt {target} again"),
    },
    dashboard=PAGES,
    stats=stats,
    activity=activity,
    public=(PUBLIC,),
    overlays=(OVERLAY,),
    latest=latest,
    personal=personal_data(Guess, Bonus, Hunt, before_forget=forget),
)
