"""What the people package declares."""

from core.kit.feature import Feature, Task
from core.kit.words import _
from core.people.exclusions import messages as exclusions
from core.people.exclusions.discord import Exclusions
from core.people.linking import embeds as linking
from core.people.linking.buttons import StartButton, UnlinkButton
from core.people.linking.commands import Linking
from core.people.linking.flow import tidy
from core.people.linking.pages import pages as linking_pages
from core.people.linklog import embeds as linklog
from core.people.linklog.commands import LinkLogs
from core.people.linklog.rules import LinkLogSettings
from core.people.panels import actions as panels
from core.people.panels.buttons import PanelButton
from core.people.panels.commands.reactions import PanelReactions
from core.people.panels.commands.setup import LinkPanels
from core.people.personal import PERSONAL

FEATURE = Feature(
    "people",
    cogs=(
        Linking,
        LinkPanels,
        PanelReactions,
        lambda _services: LinkLogs(),
        lambda _services: Exclusions(),
    ),
    pages=(linking_pages,),
    settings=tuple(LinkLogSettings.declared.values()),
    embeds={
        "people.linked": linking.linked,
        "people.interrupted": linking.interrupted,
        "people.link_log": linklog.link_entry,
        "people.panel_log": linklog.panel_entry,
    },
    checks=(panels.check_health,),
    buttons=(StartButton, UnlinkButton, PanelButton),
    tasks=(Task("people.links", every=lambda _settings: 60, run=tidy),),
    audit={
        "people.exclude": exclusions.audited_exclude,
        "people.include": exclusions.audited_include,
        "people.unlink": lambda before, after: _("unlinked {target} from {before}"),
        "people.panel": lambda before, after: _("posted a link panel in {target}"),
        "people.panel_withdrawn": lambda before, after: _("removed the link panel from {target}"),
    },
    personal=PERSONAL,
)
