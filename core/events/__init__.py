"""Events, in the past tense. Packages of one layer communicate only through these.

Every event has the guild it belongs to, the time when it happened and a natural `key` taken from
what the platform sent, so that an event that is sent twice counts once.
"""

from core.events.base import Event
from core.events.chat import ChatMessageSent, Sender
from core.events.members import AccountLinked, AccountUnlinked, ExclusionChanged, RolesChanged
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
