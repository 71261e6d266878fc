"""`/mydata` and `/forgetme` are complete: every column and every key of our JSON declares whether
it identifies a person, see `core/kit/database/personal.py`."""

import dataclasses
from collections.abc import Iterator

import pytest
from sqlalchemy import ARRAY, BigInteger, CheckConstraint, Column, LargeBinary, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from core.events import Event
from core.features import load_features
from core.kit.database.connection import METADATA
from core.kit.database.personal import JSON_KEYS, declared

FEATURES = load_features()

_NOBODYS = {
    "a word of ours, or a sentence without names": """
        health_heartbeats.part health_heartbeats.state health_heartbeats.reason
        inbox_deliveries.source inbox_deliveries.kind inbox_deliveries.error inbox_events.event
        inbox_retries.event inbox_retries.handler inbox_retries.error kick_authorities.kind
        kick_feed_states.reason kick_feed_states.transport kick_unattributed_deliveries.outcome
        guild_channel_troubles.missing
        kick_unverified_deliveries.kind kick_unverified_deliveries.sender
        kick_subscriptions.kind kick_subscriptions.trouble kick_unsent_lines.reason
        twitch_subscriptions.kind twitch_subscriptions.trouble twitch_sockets.reason
        twitch_accounts.scopes streamelements_operations.purpose
        streamelements_operations.reason
        kick_webhook_log.kind kick_webhook_log.outcome outbox_messages.service
        outbox_messages.kind outbox_messages.error guild_audit_log.action guild_settings.key
        people_link_attempts.outcome people_link_log.reason people_panels.trouble
        people_panels.platforms
        raffle_rates.source raffle_picks.reason roles_rewards.obstacle roles_rewards.checked_terms
        roles_grants.reason wagers_polls.reason kick_accounts.scopes
        kick_review_items.gift_name
        guild_permissions.command_group overlays_keys.kind
        points_entries.account points_totals.account points_flows.account points_operations.game
        points_operations.provider points_moves.reason points_purchases.offer
        points_purchases.refused points_imports.reason
        vips_channels.trouble vips_channels.failing vips_channels.told vips_pace.made
        vips_sessions.trouble vips_redemptions.trouble vips_rewards.trouble vips_activity.source
        vips_activity.reason vips_redemptions.reason api_tokens.name
        heist_players.reason heist_players.tier heist_players.badge_tier heists.end""",
    "a platform, a time zone": """
        guild_channels.platform guild_selftests.platform
        people_link_attempts.platform people_link_log.platform
        people_viewers.platform people_links.platform
        people_tombstones.platform slot_calls.platform wagers_accounts.platform
        streamelements_accounts.platform
        wagers_polls.platform watchtime_offline_checks.platform watchtime_days.platform
        watchtime_limits.time_zone watchtime_streams.platform points_purchases.platform
        heist_players.platform points_imports.platform""",
    "a heist: its settings, what proves it, and points": """
        heists.terms heists.sealed_seed heists.sealed_salt heists.commitment heists.snapshot
        heists.snapshot_hash heists.chain
        heists.randomness heists.signature heists.staked heists.paid heists.channel_id
        heists.message heist_players.stake heist_players.payout heist_players.owed""",
    "the server, its channel and what an admin chose for it": """
        points_purchases.channel_id
        logins_sessions.guild_ids guilds.name guild_channels.channel_id
        guild_channels.slug guild_settings.value
        kick_authorities.broadcaster_user_id kick_channels.broadcaster_user_id
        kick_channels.named kick_channels.site_channel_id kick_channels.chatroom_id
        kick_channels.reported_chatroom_id kick_feed_states.chatroom_id
        kick_feed_states.broadcaster_user_id kick_status_checks.broadcaster_user_id
        kick_subscriptions.broadcaster_user_id kick_review_items.channel_id
        twitch_subscriptions.broadcaster_user_id twitch_status.broadcaster_user_id
        twitch_sockets.twitch_user_id vips_sessions.channel_id vips_pace.channel_id
        vips_rewards.title
        vips_rewards.prompt vips_rewards.colour
        streamelements_accounts.channel_id
        people_panels.emoji
        people_panels.channel_name raffle_periods.prize roles_rewards.name slot_calls.slot
        slot_calls.provider slot_calls.suggestion games.title games.folded_title games.provider
        games.aliases wagers_accounts.campaign_code wagers_changes.campaign_code bonus_hunts.name
        bonus_hunts.currency
        bonus_hunt_bonuses.slot bonus_hunt_bonuses.provider""",
    "our own accounts": "kick_bots.kick_user_id kick_bots.name",
    "Discord's number of a channel, a message or a role": """
        guild_channel_troubles.channel_id people_panels.message_id people_panels.channel_id
        raffle_draws.channel_id raffle_picks.channel_id roles_rewards.role_id
        roles_grants.role_id slot_calls.channel_id slot_calls.picked_in
        slot_calls_panels.channel_id slot_calls_picks.channel_id bonus_hunts.channel_id
        wagers_accounts.role_id
        guild_permissions.role_id""",
    "a number of ours, or of one delivery": """
        health_heartbeats.process kit_leases.name kit_leases.holder
        inbox_deliveries.delivery_id inbox_deliveries.lane
        inbox_deliveries.subscription_id inbox_events.delivery kick_unverified_deliveries.message_id
        guild_selftests.key kick_unverified_deliveries.subscription_id
        kick_unverified_deliveries.timestamp
        kick_subscriptions.subscription_id kick_webhook_log.delivery_id
        twitch_subscriptions.subscription_id twitch_subscriptions.place
        twitch_callbacks.callback
        vips_sessions.purchases vips_rewards.reward_id vips_activity.redemption_id
        vips_redemptions.redemption_id
        kick_webhook_log.subscription_id outbox_messages.carried_by outbox_messages.lease
        outbox_messages.receipt roles_grants.number roles_checks.number wagers_changes.account_id
        wagers_changes.releases watchtime_adjustments.key raffle_entries.source_key
        bonus_hunt_steps.before points_entries.key points_operations.key points_operations.round
        points_moves.key points_purchases.key
        streamelements_operations.key streamelements_operation_lines.number
        streamelements_operation_lines.references""",
    "an amount": """
        streamelements_operation_lines.delta streamelements_operation_lines.before
        streamelements_operation_lines.alltime streamelements_operation_lines.seen
        raffle_balances.tickets raffle_draws.tickets raffle_entries.amount raffle_gifts.tickets
        raffle_rates.tickets raffle_source_totals.tickets points_balances.points
        points_entries.amount points_flows.given points_flows.taken points_limits.daily_loss
        points_limits.next_loss points_import_lines.points
        points_moves.amount points_purchases.points
        points_totals.points""",
    "random, sealed or hashed": """
        heist_widget_keys.digest
        overlays_keys.sealed overlays_keys.digest api_tokens.token_hash
        streamelements_accounts.token
        slot_calls_picks.sealed_seed slot_calls_picks.snapshot slot_calls_picks.snapshot_hash
        slot_calls_picks.chain slot_calls_picks.randomness slot_calls_picks.signature
        games_catalogues.version slot_calls_panels.message bonus_hunts.message
        logins_sessions.token_hash
        kick_accounts.access_token kick_accounts.refresh_token
        twitch_accounts.access_token twitch_accounts.refresh_token
        twitch_connect_attempts.link_id twitch_connect_attempts.state_hash
        twitch_connect_attempts.verifier
        kick_unverified_deliveries.checked_with
        kick_unverified_deliveries.signature kick_connect_attempts.link_id
        kick_connect_attempts.state_hash
        kick_connect_attempts.verifier kick_public_keys.pem people_link_attempts.link_id
        people_link_attempts.state_hash people_link_attempts.verifier people_tombstones.digest
        privacy_requests.subject privacy_requests.request_id raffle_draws.chain
        raffle_draws.randomness
        raffle_announcements.chain raffle_announcements.round raffle_announcements.snapshot_hash
        raffle_picks.claimant raffle_draws.round raffle_draws.signature raffle_draws.snapshot
        raffle_draws.snapshot_hash raffle_gifts.drop raffle_gifts.key raffle_periods.commitment
        raffle_periods.public_id raffle_periods.sealed_salt raffle_periods.sealed_seed
        raffle_picks.pseudonym""",
}
NOBODYS = {column: why for why, columns in _NOBODYS.items() for column in columns.split()}
"""Columns that lead to nobody, and why."""


def columns() -> Iterator[tuple[Table, Column[object]]]:
    """Every column that may lead to a person: texts, long numbers and JSON."""
    for table in METADATA.sorted_tables:
        choices = " ".join(
            str(constraint.sqltext)
            for constraint in table.constraints
            if isinstance(constraint, CheckConstraint)
        )
        for column in table.columns:
            is_number = column.name == "guild_id" or column.identity or _is_viewer(column)
            is_choice = f"{column.name} IN (" in choices
            may = isinstance(column.type, Text | BigInteger | JSONB | ARRAY | LargeBinary)
            if may and not is_number and not is_choice:
                yield table, column


def _is_viewer(column: Column[object]) -> bool:
    return any(key.column.table.name == "people_viewers" for key in column.foreign_keys)


def test_every_column_declares_whether_it_is_personal() -> None:
    """An undeclared one needs `info=holds(...)`, or a reason in NOBODYS."""
    wrong = [
        f"{table}.{column.name}"
        for table, column in columns()
        if (column.name in declared(table)) == (f"{table}.{column.name}" in NOBODYS)
    ]
    assert wrong == []


def test_exceptions_name_existing_columns() -> None:
    assert set(NOBODYS) <= {f"{table}.{column.name}" for table, column in columns()}


def covered() -> dict[str, list[str]]:
    """Table -> the features that tell and forget what it holds."""
    found: dict[str, list[str]] = {}
    for feature in FEATURES:
        for table in feature.personal.tables if feature.personal else ():
            found.setdefault(table, []).append(feature.name)
    return found


@pytest.mark.parametrize("table", METADATA.sorted_tables, ids=str)
def test_personal_tables_are_covered_by_privacy(table: Table) -> None:
    goes = any(not data.stays for data in declared(table).values())
    has_people = goes or any(_is_viewer(column) for column in table.columns)
    assert not has_people or table.name in covered(), "put it into the feature's Personal"


def test_tables_are_covered_by_their_own_feature() -> None:
    """The deliveries alone are written by the inbox and filled by vendors."""
    assert set(covered()) <= set(METADATA.tables)
    for table, features in covered().items():
        owners = [feature for feature in features if table.startswith(feature.rstrip("s"))]
        assert owners or table == "inbox_deliveries", table


def events(kind: type[Event] = Event) -> Iterator[type[Event]]:
    for subclass in kind.__subclasses__():
        if subclass.__module__.startswith("core."):
            yield subclass
        yield from events(subclass)


EVENTS = {event.__name__: event for event in events()}  # a dataclass with slots is there twice


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
def test_event_fields_declare_whether_they_are_personal(event: type[Event]) -> None:
    """Keys of other payloads are looked at in every test that writes some: `tests/conftest.py`."""
    stored = {field.name for field in dataclasses.fields(event) if field.init}
    undeclared = stored - set(JSON_KEYS)
    assert not undeclared, "put them into JSON_KEYS of core/kit/database/personal.py"
