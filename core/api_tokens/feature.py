"""Declaration of the API tokens."""

from core.api_tokens import messages
from core.api_tokens.discord import ApiTokens, RevokeButton
from core.api_tokens.pages import PAGES
from core.api_tokens.records import ApiToken
from core.kit.database.privacy import personal_data
from core.kit.feature import Feature
from core.kit.text.words import N_

FEATURE = Feature(
    "api_tokens",
    cogs=(lambda _services: ApiTokens(),),
    buttons=(RevokeButton,),
    dashboard=PAGES,
    audit={
        "api_tokens.create": messages.audited_creation,
        "api_tokens.revoke": N_("revoked the API token {target}"),
    },
    personal=personal_data(ApiToken),
)
