"""Layer 1: what can have happened, in the past tense. Packages of one layer talk to each
other only through these.

Every event says whose it is (`guild_id`), when it happened (`at`, UTC) and has a natural `key`
taken from what the world sent, so that the same fact told twice is still one fact.
"""

from core.events.base import Event
from core.events.chat import ChatMessageSent, Sender
from core.events.people import AccountLinked, AccountUnlinked, ExclusionChanged
from core.events.servers import RolesChanged
from core.events.streams import StreamEnded, StreamSeenLive, StreamSeenOffline, StreamWentLive
from core.events.support import (
    ChannelFollowed,
    KicksGifted,
    Person,
    RewardRedeemed,
    StreamChanged,
    SubGifted,
    SubscriptionRenewed,
    SubscriptionStarted,
    SupportRevoked,
    ViewerBanned,
)
from core.events.wagers import WagerCounted

__all__ = [
    "AccountLinked",
    "AccountUnlinked",
    "ChannelFollowed",
    "ChatMessageSent",
    "Event",
    "ExclusionChanged",
    "KicksGifted",
    "Person",
    "RewardRedeemed",
    "RolesChanged",
    "Sender",
    "StreamChanged",
    "StreamEnded",
    "StreamSeenLive",
    "StreamSeenOffline",
    "StreamWentLive",
    "SubGifted",
    "SubscriptionRenewed",
    "SubscriptionStarted",
    "SupportRevoked",
    "ViewerBanned",
    "WagerCounted",
]
