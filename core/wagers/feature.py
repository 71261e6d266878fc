"""What the wagers feature declares."""

from core.events import AccountLinked, AccountUnlinked, RolesChanged
from core.kit.feature import Feature
from core.kit.words import _
from core.wagers import embeds, handlers, role
from core.wagers.buttons import HeldButton, VerifyButton, posted_claim, posted_odd
from core.wagers.commands import Wagers
from core.wagers.paginators import ACCOUNTS
from core.wagers.personal import PERSONAL
from core.wagers.settings import SETTINGS
from core.wagers.status import check_health
from core.wagers.tasks import TASKS

FEATURE = Feature(
    "wagers",
    handlers={
        AccountLinked: handlers.on_account_linked,
        AccountUnlinked: handlers.on_account_unlinked,
        RolesChanged: handlers.on_roles_changed,
    },
    cogs=(Wagers,),
    paginators=(ACCOUNTS,),
    settings=SETTINGS,
    tasks=TASKS,
    embeds={
        "wagers.linked": posted_claim,
        "wagers.verified": embeds.posted_verified,
        "wagers.odd": posted_odd,
        "wagers.role_refused": embeds.posted_role_refused,
    },
    settles={role.KIND: role.on_settled},
    checks=(check_health,),
    buttons=(VerifyButton, HeldButton),
    audit={
        "wagers.unlink": lambda before, after: _("unlinked the {before} account of {target}"),
        "wagers.verify": lambda before, after: _("verified the {after} account of {target}"),
        "wagers.dismiss": lambda before, after: _("dismissed held wagers of {target}: {after}"),
        "wagers.release": lambda before, after: _("counted held wagers of {target}: {after}"),
    },
    personal=PERSONAL,
)
