"""How panels look."""

from datetime import UTC, datetime

from core.kit.database.records import ChannelId, MemberId, MessageId
from core.people.panels import messages
from core.people.panels.records import Panel, State

AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
ADMIN = 310_000_000_000_000_002


def panel(number: int, state: State = "posted", trouble: str | None = None) -> Panel:
    snowflake = 1_310_000_000_000_000_000 + number
    emoji = f"<:a_name_of_some_length:{snowflake}>"
    return Panel(
        message_id=MessageId(snowflake),
        channel_id=ChannelId(snowflake),
        channel_name=f"channel-{number}",
        emoji=emoji,
        posted_by=MemberId(ADMIN),
        posted_at=AT,
        state=state,
        ended_at=AT,
        trouble=trouble,
    )


def test_panels_with_problems_are_listed_first_and_the_rest_counted() -> None:
    panels = [panel(number) for number in range(40)]
    panels += [panel(40, "gone"), panel(41, trouble="I may not react.")]
    rows = (messages.listed(panels).description or "").split("\n")
    assert "channel-40" in rows[0]
    assert "deleted" in rows[0]
    assert rows[2] == "-# I may not react."
    assert rows[3].startswith("🟢")
    assert rows[3].endswith(f"<:a_name_of_some_length:{1_310_000_000_000_000_000}>")
    assert rows[-1].startswith("… and ")
    assert rows[-2].endswith(">"), "no row is cut in the middle"
