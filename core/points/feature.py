"""What the points feature declares."""

from core.kit.feature import Feature
from core.kit.privacy import personal_data
from core.points.records import AccountTotal, Balance, Entry, Move, PlayLimit
from core.points.rules import PointsSettings

FEATURE = Feature(
    "points",
    settings=tuple(PointsSettings.declared.values()),
    personal=personal_data(Entry, Balance, AccountTotal, Move, PlayLimit),
)
