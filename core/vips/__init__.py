"""VIP on Twitch for a limited time: for channel points, points, a subscription, bits, watchtime or
a raffle, or by a moderator. Only `runner` calls Twitch.
"""

from core.kit.text.words import N_

TITLE = N_("VIPs")
