"""What the points feature declares."""

from core.events import StreamElementsSettled
from core.kit.feature import Feature
from core.kit.privacy import personal_data
from core.kit.work import event_action
from core.points.records import AccountTotal, Balance, Entry, Move, PlayLimit
from core.points.rules import PointsSettings
from core.points.streamelements import on_settled

FEATURE = Feature(
    "points",
    handlers={StreamElementsSettled: event_action(on_settled)},
    settings=tuple(PointsSettings.declared.values()),
    personal=personal_data(Entry, Balance, AccountTotal, Move, PlayLimit),
)
