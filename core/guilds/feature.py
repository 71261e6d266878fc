"""What the guilds package declares."""

from core.guilds.channels import check_health
from core.guilds.records import AuditEntry, Guild, StoredSetting
from core.guilds.settings import SETTINGS
from core.kit.feature import Feature
from core.kit.privacy import personal_data
from core.kit.words import N_

FEATURE = Feature(
    "guilds",
    settings=SETTINGS,
    checks=(check_health,),
    audit={
        "guilds.grant": N_("let {target} use the command group {after}"),
        "guilds.revoke": N_("took the command group {before} from {target}"),
    },
    personal=personal_data(Guild, StoredSetting, AuditEntry),
)
