"""What the wagers feature declares."""

from typing import Any

from core.events import AccountLinked, AccountUnlinked, RolesChanged
from core.kit.database.privacy import personal_data
from core.kit.database.work import event_action
from core.kit.feature import Feature
from core.kit.tasks import Task
from core.kit.text.words import _
from core.wagers import messages, pages, polling, verified_role
from core.wagers.actions import forget
from core.wagers.discord import (
    ACCOUNTS,
    HeldButton,
    VerifyButton,
    Wagers,
    render_claim,
    render_odd,
)
from core.wagers.records import AffiliateAccount, WagerChange
from core.wagers.rules import WagerSettings


def account_word(platform: Any) -> str:
    return platform.capitalize() if isinstance(platform, str) else "–"


FEATURE = Feature(
    "wagers",
    handlers={
        AccountLinked: event_action(verified_role.follow_link),
        AccountUnlinked: event_action(verified_role.follow_link),
        RolesChanged: event_action(verified_role.retry_refused),
    },
    cogs=(lambda _services: Wagers(),),
    paginators=(ACCOUNTS,),
    settings=tuple(WagerSettings.declared.values()),
    tasks=(
        Task("wagers.poll", lambda settings: settings.wager_check_seconds, polling.poll_platforms),
        Task(
            "wagers.roles",
            lambda settings: settings.role_update_interval_seconds,
            polling.reconcile_roles,
        ),
    ),
    embeds={
        "wagers.linked": render_claim,
        "wagers.verified": messages.posted_verified,
        "wagers.odd": render_odd,
        "wagers.role_refused": messages.posted_role_refused,
    },
    settles={verified_role.KIND: verified_role.note_outcome},
    checks=(polling.check_health,),
    buttons=(VerifyButton, HeldButton),
    audit={
        "wagers.unlink": lambda before, _after: _(
            "unlinked the {account} account of {target}"
        ).replace("{account}", account_word(before)),
        "wagers.verify": lambda _before, after: _(
            "verified the {account} account of {target}"
        ).replace("{account}", account_word(after)),
        "wagers.dismiss": lambda _before, after: messages.with_amount(
            _("dismissed held wagers of {target}: {after}"), after
        ),
        "wagers.release": lambda _before, after: messages.with_amount(
            _("counted held wagers of {target}: {after}"), after
        ),
    },
    dashboard=pages.PAGES,
    setup=pages.setup,
    person=pages.person,
    personal=personal_data(AffiliateAccount, WagerChange, before_forget=forget),
)
