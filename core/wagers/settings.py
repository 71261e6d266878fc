"""What a server's admin can set about wagers."""

from core.kit.feature import GuildSetting

SHUFFLE_CODE = GuildSetting(
    "wagers.shuffle_code",
    str,
    "",
    "Your campaign code at Shuffle; only accounts that signed up under it can be verified.",
    environment="shuffle_campaign_code",
)
VERIFIED_ROLE = GuildSetting(
    "wagers.verified_role",
    int,
    0,
    "The role for members whose affiliate account was verified; while none is chosen, the one "
    "called “Shuffle Code User”.",
    of="role",
)
LARGEST_RISE = GuildSetting(
    "wagers.review_above_per_hour",
    int,
    25_000,
    "Dollars an hour: a total that rises faster is not counted until an admin accepts it.",
    least=1,
    most=1_000_000_000,
)

SETTINGS = (SHUFFLE_CODE, VERIFIED_ROLE, LARGEST_RISE)

DEFAULT_ROLE_NAME = "Shuffle Code User"

CODES = {"shuffle": SHUFFLE_CODE}
"""Platform -> the setting that holds the server's campaign code there."""
