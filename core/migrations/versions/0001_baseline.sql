CREATE TABLE inbox_deliveries (
	id BIGINT GENERATED ALWAYS AS IDENTITY, 
	source TEXT NOT NULL, 
	delivery_id TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	lane TEXT NOT NULL, 
	body JSONB NOT NULL, 
	sent_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	received_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL, 
	subscription_id TEXT, 
	state TEXT DEFAULT 'waiting' NOT NULL, 
	handled_at TIMESTAMP WITH TIME ZONE, 
	error TEXT, 
	CONSTRAINT inbox_deliveries_key PRIMARY KEY (id), 
	CONSTRAINT inbox_deliveries_once UNIQUE (source, delivery_id), 
	CONSTRAINT inbox_deliveries_state CHECK (state IN ('waiting', 'done', 'dead'))
);

CREATE INDEX inbox_deliveries_by_age ON inbox_deliveries (kind, received_at);

CREATE INDEX inbox_deliveries_dead ON inbox_deliveries (id) WHERE state = 'dead';

CREATE INDEX inbox_deliveries_newest ON inbox_deliveries (source, lane, received_at DESC);

CREATE INDEX inbox_deliveries_waiting ON inbox_deliveries (lane, id) WHERE state = 'waiting';

COMMENT ON COLUMN inbox_deliveries.source IS 'such as kick.webhook';

COMMENT ON COLUMN inbox_deliveries.delivery_id IS 'the sender''s own id of this delivery';

COMMENT ON COLUMN inbox_deliveries.kind IS 'the sender''s name of the event';

COMMENT ON COLUMN inbox_deliveries.lane IS 'deliveries of one lane are handled in order';

COMMENT ON COLUMN inbox_deliveries.subscription_id IS 'as the sender says; not signed';

COMMENT ON COLUMN inbox_deliveries.error IS 'why it is a dead letter';

CREATE TABLE inbox_events (
	guild_id BIGINT NOT NULL, 
	event TEXT NOT NULL, 
	key TEXT NOT NULL, 
	at TIMESTAMP WITH TIME ZONE NOT NULL, 
	delivery BIGINT NOT NULL, 
	CONSTRAINT inbox_events_once PRIMARY KEY (guild_id, event, key)
);

CREATE INDEX inbox_events_by_age ON inbox_events (event, at);

COMMENT ON COLUMN inbox_events.event IS 'class name of the event';

COMMENT ON COLUMN inbox_events.key IS 'natural key from the body';

COMMENT ON COLUMN inbox_events.delivery IS 'the delivery that contained it first';

ALTER TABLE inbox_events ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE inbox_retries (
	id BIGINT GENERATED ALWAYS AS IDENTITY, 
	guild_id BIGINT NOT NULL, 
	event TEXT NOT NULL, 
	key TEXT NOT NULL, 
	handler TEXT NOT NULL, 
	payload JSONB NOT NULL, 
	attempts INTEGER DEFAULT '1' NOT NULL, 
	try_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	state TEXT DEFAULT 'waiting' NOT NULL, 
	error TEXT NOT NULL, 
	CONSTRAINT inbox_retries_key PRIMARY KEY (id), 
	CONSTRAINT inbox_retries_once UNIQUE (guild_id, event, key, handler), 
	CONSTRAINT inbox_retries_state CHECK (state IN ('waiting', 'dead'))
);

CREATE INDEX inbox_retries_due ON inbox_retries (try_at) WHERE state = 'waiting';

COMMENT ON COLUMN inbox_retries.handler IS 'name of the handler that failed';

COMMENT ON COLUMN inbox_retries.payload IS 'the event';

ALTER TABLE inbox_retries ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE outbox_messages (
	guild_id BIGINT NOT NULL, 
	id BIGINT GENERATED ALWAYS AS IDENTITY, 
	key TEXT NOT NULL, 
	service TEXT NOT NULL, 
	lane TEXT NOT NULL, 
	target JSONB NOT NULL, 
	kind TEXT NOT NULL, 
	payload JSONB NOT NULL, 
	state TEXT DEFAULT 'waiting' NOT NULL, 
	priority SMALLINT DEFAULT '1' NOT NULL, 
	expires_at TIMESTAMP WITH TIME ZONE, 
	posted_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL, 
	try_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	attempts INTEGER DEFAULT '0' NOT NULL, 
	unsure BOOLEAN DEFAULT 'false' NOT NULL, 
	carried_by BIGINT, 
	first_sending_at TIMESTAMP WITH TIME ZONE, 
	sending_at TIMESTAMP WITH TIME ZONE, 
	lease TEXT, 
	sent_at TIMESTAMP WITH TIME ZONE, 
	receipt JSONB, 
	error TEXT, 
	CONSTRAINT outbox_messages_key PRIMARY KEY (id), 
	CONSTRAINT outbox_messages_once UNIQUE (guild_id, key), 
	CONSTRAINT outbox_messages_state CHECK (state IN ('waiting', 'sending', 'sent', 'dead'))
);

CREATE INDEX outbox_messages_carried ON outbox_messages (carried_by) WHERE carried_by IS NOT NULL;

CREATE INDEX outbox_messages_dead ON outbox_messages (id) WHERE state = 'dead';

CREATE INDEX outbox_messages_due ON outbox_messages (lane, (state = 'waiting'), priority, id) WHERE state IN ('waiting', 'sending');

CREATE INDEX outbox_messages_expired ON outbox_messages (sent_at) WHERE receipt ->> 'skipped' = 'too late';

CREATE INDEX outbox_messages_expiring ON outbox_messages (expires_at) WHERE state = 'waiting' AND expires_at IS NOT NULL;

COMMENT ON COLUMN outbox_messages.key IS 'natural key of the effect';

COMMENT ON COLUMN outbox_messages.service IS 'names the transport: discord, kick';

COMMENT ON COLUMN outbox_messages.lane IS 'messages of one lane go out in order';

COMMENT ON COLUMN outbox_messages.target IS 'where to, in the transport''s terms';

COMMENT ON COLUMN outbox_messages.kind IS 'names the renderer of the payload';

COMMENT ON COLUMN outbox_messages.priority IS 'lower ones go first';

COMMENT ON COLUMN outbox_messages.expires_at IS 'afterwards it is dropped, unless an attempt may have gone through';

COMMENT ON COLUMN outbox_messages.unsure IS 'an earlier attempt may have gone through';

COMMENT ON COLUMN outbox_messages.carried_by IS 'the earlier message of its lane that includes this one';

COMMENT ON COLUMN outbox_messages.sending_at IS 'when its lease was taken or renewed, by the database''s clock';

COMMENT ON COLUMN outbox_messages.lease IS 'the claim that is sending it; only that may store the outcome';

COMMENT ON COLUMN outbox_messages.receipt IS 'the service''s ids of what was created';

ALTER TABLE outbox_messages ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE guilds (
	guild_id BIGINT NOT NULL, 
	name TEXT NOT NULL, 
	added_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	left_at TIMESTAMP WITH TIME ZONE, 
	reachable_at TIMESTAMP WITH TIME ZONE, 
	contact_id BIGINT, 
	CONSTRAINT guilds_pkey PRIMARY KEY (guild_id)
);

COMMENT ON COLUMN guilds.left_at IS 'the bot was removed from the server';

COMMENT ON COLUMN guilds.reachable_at IS 'when the bot was last connected to Discord and saw this server';

COMMENT ON COLUMN guilds.contact_id IS 'the admin who gets alerts while no admin channel is set';

ALTER TABLE guilds ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE kick_public_keys (
	pem TEXT NOT NULL, 
	fetched_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT kick_public_keys_key PRIMARY KEY (pem)
);

CREATE TABLE kick_bots (
	kick_user_id BIGINT NOT NULL, 
	name TEXT NOT NULL, 
	CONSTRAINT kick_bots_key PRIMARY KEY (kick_user_id)
);

CREATE TABLE kick_subscriptions (
	broadcaster_user_id BIGINT NOT NULL, 
	kind TEXT NOT NULL, 
	subscription_id TEXT, 
	checked_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	trouble TEXT, 
	CONSTRAINT kick_subscriptions_one_of_each PRIMARY KEY (broadcaster_user_id, kind)
);

COMMENT ON COLUMN kick_subscriptions.kind IS 'Kick''s name of the event type';

COMMENT ON COLUMN kick_subscriptions.subscription_id IS 'Kick''s id; empty while it is not subscribed';

COMMENT ON COLUMN kick_subscriptions.trouble IS 'why it is not subscribed';

CREATE TABLE kick_authorities (
	broadcaster_user_id BIGINT NOT NULL, 
	kind TEXT NOT NULL, 
	authority TEXT NOT NULL, 
	decided_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT kick_authorities_one_a_kind PRIMARY KEY (broadcaster_user_id, kind), 
	CONSTRAINT kick_authorities_authority CHECK (authority IN ('webhook', 'feed'))
);

CREATE TABLE kick_status_checks (
	broadcaster_user_id BIGINT NOT NULL, 
	checked_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	started_at TIMESTAMP WITH TIME ZONE, 
	watched_since TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT kick_status_checks_key PRIMARY KEY (broadcaster_user_id)
);

COMMENT ON COLUMN kick_status_checks.started_at IS 'of the stream; empty when offline';

COMMENT ON COLUMN kick_status_checks.watched_since IS 'start of the checks without a gap';

CREATE TABLE kick_webhook_log (
	guild_id BIGINT NOT NULL, 
	id BIGINT GENERATED ALWAYS AS IDENTITY, 
	at TIMESTAMP WITH TIME ZONE NOT NULL, 
	sent_at TIMESTAMP WITH TIME ZONE, 
	kind TEXT NOT NULL, 
	delivery_id TEXT NOT NULL, 
	subscription_id TEXT NOT NULL, 
	outcome TEXT NOT NULL, 
	CONSTRAINT kick_webhook_log_key PRIMARY KEY (id)
);

CREATE INDEX kick_webhook_log_newest ON kick_webhook_log (guild_id, at DESC);

CREATE INDEX kick_webhook_log_newest_of_kind ON kick_webhook_log (guild_id, kind, at DESC);

COMMENT ON COLUMN kick_webhook_log.at IS 'when it arrived';

COMMENT ON COLUMN kick_webhook_log.sent_at IS 'as signed; empty if that was not readable';

COMMENT ON COLUMN kick_webhook_log.subscription_id IS 'not signed';

COMMENT ON COLUMN kick_webhook_log.outcome IS 'as in core/kick/webhooks.py';

ALTER TABLE kick_webhook_log ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE kick_unattributed_deliveries (
	id BIGINT GENERATED ALWAYS AS IDENTITY, 
	at TIMESTAMP WITH TIME ZONE NOT NULL, 
	outcome TEXT NOT NULL, 
	count INTEGER NOT NULL, 
	CONSTRAINT kick_unattributed_deliveries_key PRIMARY KEY (id)
);

CREATE INDEX kick_unattributed_deliveries_at ON kick_unattributed_deliveries (at);

COMMENT ON COLUMN kick_unattributed_deliveries.at IS 'when it arrived';

COMMENT ON COLUMN kick_unattributed_deliveries.count IS 'deliveries in this row';

CREATE TABLE kick_unverified_deliveries (
	id BIGINT GENERATED ALWAYS AS IDENTITY, 
	received_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	message_id TEXT NOT NULL, 
	timestamp TEXT NOT NULL, 
	body BYTEA NOT NULL, 
	signature TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	subscription_id TEXT NOT NULL, 
	checked_with TEXT, 
	is_known BOOLEAN DEFAULT false NOT NULL, 
	sender TEXT DEFAULT '' NOT NULL, 
	CONSTRAINT kick_unverified_deliveries_key PRIMARY KEY (id)
);

COMMENT ON COLUMN kick_unverified_deliveries.timestamp IS 'as signed';

COMMENT ON COLUMN kick_unverified_deliveries.body IS 'as signed, byte for byte';

COMMENT ON COLUMN kick_unverified_deliveries.kind IS 'not signed';

COMMENT ON COLUMN kick_unverified_deliveries.subscription_id IS 'not signed';

COMMENT ON COLUMN kick_unverified_deliveries.checked_with IS 'hash of the newest key that did not match';

COMMENT ON COLUMN kick_unverified_deliveries.is_known IS 'it names a subscription of ours, which a stranger cannot know';

COMMENT ON COLUMN kick_unverified_deliveries.sender IS 'digest of the network that it came from';

CREATE TABLE kick_feed_states (
	broadcaster_user_id BIGINT NOT NULL, 
	is_ok BOOLEAN NOT NULL, 
	reason TEXT NOT NULL, 
	transport TEXT, 
	received_at TIMESTAMP WITH TIME ZONE, 
	chatroom_id BIGINT, 
	missing_on_feed INTEGER NOT NULL, 
	webhooks_missing_since TIMESTAMP WITH TIME ZONE, 
	checked_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT kick_feed_states_once PRIMARY KEY (broadcaster_user_id)
);

COMMENT ON COLUMN kick_feed_states.reason IS 'one sentence';

COMMENT ON COLUMN kick_feed_states.transport IS 'empty while it is not connected';

COMMENT ON COLUMN kick_feed_states.received_at IS 'of the newest event of any kind';

COMMENT ON COLUMN kick_feed_states.chatroom_id IS 'whose chat is compared with the webhooks';

COMMENT ON COLUMN kick_feed_states.missing_on_feed IS 'chat lines by webhook of which the feed showed none';

COMMENT ON COLUMN kick_feed_states.webhooks_missing_since IS 'first chat line on the feed that no webhook followed';

COMMENT ON COLUMN kick_feed_states.checked_at IS 'by the listener';

CREATE TABLE kick_recent_support (
	guild_id BIGINT NOT NULL, 
	kind TEXT NOT NULL, 
	key TEXT NOT NULL, 
	subject TEXT, 
	at TIMESTAMP WITH TIME ZONE NOT NULL, 
	user_id BIGINT, 
	event JSONB, 
	CONSTRAINT kick_recent_support_once PRIMARY KEY (guild_id, kind, key), 
	CONSTRAINT kick_recent_support_kind CHECK (kind IN ('gift', 'sub', 'kicks'))
);

CREATE INDEX kick_recent_support_gifts ON kick_recent_support (guild_id, at) WHERE kind = 'gift' AND subject IS NOT NULL;

CREATE INDEX kick_recent_support_subject ON kick_recent_support (guild_id, subject, kind, at);

CREATE INDEX kick_recent_support_user ON kick_recent_support (guild_id, user_id, kind, at);

COMMENT ON COLUMN kick_recent_support.key IS 'of the event';

COMMENT ON COLUMN kick_recent_support.subject IS 'of the items that it confirms; empty if it confirms none';

COMMENT ON COLUMN kick_recent_support.user_id IS 'of the giftee or new subscriber';

COMMENT ON COLUMN kick_recent_support.event IS 'where there is a user_id';

ALTER TABLE kick_recent_support ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE twitch_subscriptions (
	broadcaster_user_id BIGINT NOT NULL, 
	kind TEXT NOT NULL, 
	subscription_id TEXT, 
	place TEXT NOT NULL, 
	checked_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	trouble TEXT, 
	CONSTRAINT twitch_subscriptions_one_of_each PRIMARY KEY (broadcaster_user_id, kind)
);

COMMENT ON COLUMN twitch_subscriptions.kind IS 'Twitch''s name of the type';

COMMENT ON COLUMN twitch_subscriptions.subscription_id IS 'Twitch''s id; empty while it is not subscribed';

COMMENT ON COLUMN twitch_subscriptions.place IS 'where events go: the callback with a digest of its secret, or the session''s id';

COMMENT ON COLUMN twitch_subscriptions.trouble IS 'why it is not subscribed';

CREATE TABLE twitch_callbacks (
	callback TEXT NOT NULL, 
	CONSTRAINT twitch_callbacks_key PRIMARY KEY (callback)
);

CREATE TABLE twitch_status (
	broadcaster_user_id BIGINT NOT NULL, 
	checked_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	started_at TIMESTAMP WITH TIME ZONE, 
	is_live BOOLEAN NOT NULL, 
	CONSTRAINT twitch_status_key PRIMARY KEY (broadcaster_user_id)
);

COMMENT ON COLUMN twitch_status.started_at IS 'of the newest stream, also after its end';

CREATE TABLE twitch_sockets (
	twitch_user_id BIGINT NOT NULL, 
	is_ok BOOLEAN NOT NULL, 
	reason TEXT NOT NULL, 
	received_at TIMESTAMP WITH TIME ZONE, 
	checked_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT twitch_sockets_key PRIMARY KEY (twitch_user_id)
);

COMMENT ON COLUMN twitch_sockets.received_at IS 'the newest event';

CREATE TABLE logins_sessions (
	token_hash TEXT NOT NULL, 
	discord_id BIGINT, 
	twitch_user_id BIGINT, 
	name TEXT NOT NULL, 
	avatar_url TEXT NOT NULL, 
	guild_ids BIGINT[] NOT NULL, 
	began_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	seen_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT logins_sessions_key PRIMARY KEY (token_hash), 
	CONSTRAINT logins_sessions_one_person CHECK (num_nonnulls(discord_id, twitch_user_id) = 1)
);

CREATE INDEX logins_sessions_of_person ON logins_sessions (discord_id);

COMMENT ON COLUMN logins_sessions.token_hash IS 'SHA-256 of the random token in the cookie';

COMMENT ON COLUMN logins_sessions.discord_id IS 'empty for who logged in with Twitch';

COMMENT ON COLUMN logins_sessions.twitch_user_id IS 'empty for who logged in with Discord';

COMMENT ON COLUMN logins_sessions.guild_ids IS 'servers that they were in when they logged in';

CREATE TABLE wagers_polls (
	platform TEXT NOT NULL, 
	asked_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	outcome TEXT NOT NULL, 
	reason TEXT DEFAULT '' NOT NULL, 
	accounts INTEGER NOT NULL, 
	unreadable INTEGER NOT NULL, 
	repeated INTEGER NOT NULL, 
	next_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT wagers_polls_key PRIMARY KEY (platform, asked_at), 
	CONSTRAINT wagers_polls_outcome CHECK (outcome IN ('ok', 'busy', 'failed'))
);

COMMENT ON COLUMN wagers_polls.outcome IS 'busy: the platform asked us to wait';

COMMENT ON COLUMN wagers_polls.reason IS 'why it failed';

COMMENT ON COLUMN wagers_polls.accounts IS 'in the answer';

COMMENT ON COLUMN wagers_polls.unreadable IS 'invalid lines';

COMMENT ON COLUMN wagers_polls.repeated IS 'lines with a name seen before';

COMMENT ON COLUMN wagers_polls.next_at IS 'not asked again before';

CREATE TABLE vips_pace (
	channel_id BIGINT NOT NULL, 
	change TEXT NOT NULL, 
	made TIMESTAMP WITH TIME ZONE[] NOT NULL, 
	CONSTRAINT vips_pace_one_a_change PRIMARY KEY (channel_id, change), 
	CONSTRAINT vips_pace_change CHECK (change IN ('add', 'remove'))
);

COMMENT ON COLUMN vips_pace.made IS 'when each was made';

CREATE TABLE health_heartbeats (
	process TEXT NOT NULL, 
	part TEXT NOT NULL, 
	state TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT health_heartbeats_newest PRIMARY KEY (process, part)
);

COMMENT ON COLUMN health_heartbeats.process IS 'machine and process id, as a lease names its holder';

CREATE TABLE kit_leases (
	name TEXT NOT NULL, 
	holder TEXT NOT NULL, 
	until TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT kit_leases_one_holder PRIMARY KEY (name)
);

COMMENT ON COLUMN kit_leases.holder IS 'machine, process id and a random suffix';

COMMENT ON COLUMN kit_leases.until IS 'by the database''s clock';

CREATE TABLE guild_channels (
	guild_id BIGINT NOT NULL, 
	platform TEXT NOT NULL, 
	channel_id BIGINT NOT NULL, 
	slug TEXT NOT NULL, 
	CONSTRAINT guild_channels_one_a_platform PRIMARY KEY (guild_id, platform), 
	CONSTRAINT guild_channels_guild FOREIGN KEY(guild_id) REFERENCES guilds (guild_id)
);

CREATE INDEX guild_channels_by_channel ON guild_channels (platform, channel_id);

COMMENT ON COLUMN guild_channels.platform IS 'kick or twitch';

COMMENT ON COLUMN guild_channels.channel_id IS 'user id of the channel''s owner';

COMMENT ON COLUMN guild_channels.slug IS 'as in the channel''s address';

ALTER TABLE guild_channels ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE guild_settings (
	guild_id BIGINT NOT NULL, 
	key TEXT NOT NULL, 
	value JSONB NOT NULL, 
	set_by BIGINT, 
	set_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	CONSTRAINT guild_settings_one_value PRIMARY KEY (guild_id, key), 
	CONSTRAINT guild_settings_guild FOREIGN KEY(guild_id) REFERENCES guilds (guild_id)
);

COMMENT ON COLUMN guild_settings.set_by IS 'empty when it comes from the environment';

ALTER TABLE guild_settings ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE guild_permissions (
	guild_id BIGINT NOT NULL, 
	command_group TEXT NOT NULL, 
	role_id BIGINT NOT NULL, 
	CONSTRAINT guild_permissions_once PRIMARY KEY (guild_id, command_group, role_id), 
	CONSTRAINT guild_permissions_guild FOREIGN KEY(guild_id) REFERENCES guilds (guild_id)
);

COMMENT ON COLUMN guild_permissions.command_group IS 'a package, such as slot_calls';

ALTER TABLE guild_permissions ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE guild_audit_log (
	guild_id BIGINT NOT NULL, 
	id BIGINT GENERATED ALWAYS AS IDENTITY, 
	at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	actor BIGINT NOT NULL, 
	streamer_id BIGINT, 
	action TEXT NOT NULL, 
	target TEXT DEFAULT '' NOT NULL, 
	before JSONB NOT NULL, 
	after JSONB NOT NULL, 
	CONSTRAINT guild_audit_log_key PRIMARY KEY (id), 
	CONSTRAINT guild_audit_log_guild FOREIGN KEY(guild_id) REFERENCES guilds (guild_id)
);

CREATE INDEX guild_audit_log_newest ON guild_audit_log (guild_id, id DESC);

COMMENT ON COLUMN guild_audit_log.actor IS '0 for the bot, and with streamer_id';

COMMENT ON COLUMN guild_audit_log.streamer_id IS 'Twitch user id of the streamer who did it, signed in with Twitch';

COMMENT ON COLUMN guild_audit_log.action IS 'feature first, such as slot_calls.block';

ALTER TABLE guild_audit_log ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE guild_channel_troubles (
	guild_id BIGINT NOT NULL, 
	channel_id BIGINT NOT NULL, 
	reason TEXT NOT NULL, 
	missing TEXT[] NOT NULL, 
	since TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT guild_channel_troubles_once PRIMARY KEY (guild_id, channel_id), 
	CONSTRAINT guild_channel_troubles_guild FOREIGN KEY(guild_id) REFERENCES guilds (guild_id), 
	CONSTRAINT guild_channel_troubles_reason CHECK (reason IN ('deleted', 'forbidden'))
);

COMMENT ON COLUMN guild_channel_troubles.missing IS 'permissions, as far as known';

ALTER TABLE guild_channel_troubles ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE guild_selftests (
	guild_id BIGINT NOT NULL, 
	platform TEXT NOT NULL, 
	key TEXT NOT NULL, 
	sent_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	state TEXT NOT NULL, 
	CONSTRAINT guild_selftests_one_a_platform PRIMARY KEY (guild_id, platform), 
	CONSTRAINT guild_selftests_guild FOREIGN KEY(guild_id) REFERENCES guilds (guild_id), 
	CONSTRAINT guild_selftests_state CHECK (state IN ('waiting', 'received', 'failed', 'not_sent'))
);

COMMENT ON COLUMN guild_selftests.key IS 'of the line in the outbox';

COMMENT ON COLUMN guild_selftests.state IS 'not_sent: the platform did not accept the line';

ALTER TABLE guild_selftests ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE kick_accounts (
	guild_id BIGINT NOT NULL, 
	name TEXT NOT NULL, 
	state TEXT NOT NULL, 
	connected_by BIGINT NOT NULL, 
	connected_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	kick_user_id BIGINT NOT NULL, 
	bot_failed_at TIMESTAMP WITH TIME ZONE, 
	scopes TEXT[] NOT NULL, 
	access_token TEXT NOT NULL, 
	refresh_token TEXT NOT NULL, 
	expires_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	refreshed_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT kick_accounts_one_a_server PRIMARY KEY (guild_id), 
	CONSTRAINT kick_accounts_guild FOREIGN KEY(guild_id) REFERENCES guilds (guild_id), 
	CONSTRAINT kick_accounts_state CHECK (state IN ('connected', 'reconnect'))
);

COMMENT ON COLUMN kick_accounts.state IS 'connected, or reconnect: the service ended the grant';

COMMENT ON COLUMN kick_accounts.connected_by IS 'Discord id of the admin';

COMMENT ON COLUMN kick_accounts.bot_failed_at IS 'when the app''s bot last could not send, but another identity could';

COMMENT ON COLUMN kick_accounts.scopes IS 'as granted';

COMMENT ON COLUMN kick_accounts.access_token IS 'encrypted; empty in the state reconnect';

COMMENT ON COLUMN kick_accounts.refresh_token IS 'encrypted; empty in the state reconnect';

COMMENT ON COLUMN kick_accounts.expires_at IS 'of the access token';

ALTER TABLE kick_accounts ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE kick_connect_attempts (
	guild_id BIGINT NOT NULL, 
	asked_by BIGINT NOT NULL, 
	asked_by_name TEXT NOT NULL, 
	link_id TEXT NOT NULL, 
	asked_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	state_hash TEXT, 
	verifier TEXT, 
	started_at TIMESTAMP WITH TIME ZONE, 
	finished_at TIMESTAMP WITH TIME ZONE, 
	CONSTRAINT kick_connect_attempts_link PRIMARY KEY (guild_id, link_id), 
	CONSTRAINT kick_connect_attempts_state UNIQUE (state_hash), 
	CONSTRAINT kick_connect_attempts_guild FOREIGN KEY(guild_id) REFERENCES guilds (guild_id)
);

COMMENT ON COLUMN kick_connect_attempts.link_id IS 'random, inside the signed link';

COMMENT ON COLUMN kick_connect_attempts.state_hash IS 'SHA-256 of the state, once the link was followed';

COMMENT ON COLUMN kick_connect_attempts.verifier IS 'PKCE, encrypted';

COMMENT ON COLUMN kick_connect_attempts.started_at IS 'when the link was followed to the other site';

COMMENT ON COLUMN kick_connect_attempts.finished_at IS 'when somebody came back with the state';

ALTER TABLE kick_connect_attempts ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE kick_channels (
	guild_id BIGINT NOT NULL, 
	broadcaster_user_id BIGINT NOT NULL, 
	chosen_by BIGINT, 
	named TEXT, 
	site_channel_id BIGINT, 
	chatroom_id BIGINT, 
	chatroom_from TEXT, 
	checked_at TIMESTAMP WITH TIME ZONE, 
	confirmed_at TIMESTAMP WITH TIME ZONE, 
	reported_chatroom_id BIGINT, 
	followed_since TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	primary_since TIMESTAMP WITH TIME ZONE, 
	CONSTRAINT kick_channels_one_a_server PRIMARY KEY (guild_id), 
	CONSTRAINT kick_channels_guild FOREIGN KEY(guild_id) REFERENCES guilds (guild_id), 
	CONSTRAINT kick_channels_chatroom_from CHECK (chatroom_from IN ('site', 'typed'))
);

COMMENT ON COLUMN kick_channels.broadcaster_user_id IS 'whose ids these are';

COMMENT ON COLUMN kick_channels.chosen_by IS 'Discord id; empty when it came from the environment';

COMMENT ON COLUMN kick_channels.named IS 'KICK_CHANNEL when it was looked up; empty if an admin chose';

COMMENT ON COLUMN kick_channels.site_channel_id IS 'Kick''s third number, only on its website';

COMMENT ON COLUMN kick_channels.chatroom_from IS 'site, or typed in by an admin';

COMMENT ON COLUMN kick_channels.checked_at IS 'when the website was last asked';

COMMENT ON COLUMN kick_channels.confirmed_at IS 'a line of chat came by webhook and on the feed of this chatroom';

COMMENT ON COLUMN kick_channels.reported_chatroom_id IS 'the wrong chatroom that admins were alerted about';

COMMENT ON COLUMN kick_channels.primary_since IS 'an admin made it the primary server';

ALTER TABLE kick_channels ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE kick_unsent_lines (
	guild_id BIGINT NOT NULL, 
	reason TEXT NOT NULL, 
	at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT kick_unsent_lines_one_a_server PRIMARY KEY (guild_id), 
	CONSTRAINT kick_unsent_lines_guild FOREIGN KEY(guild_id) REFERENCES guilds (guild_id)
);

COMMENT ON COLUMN kick_unsent_lines.reason IS 'why, and what to do';

COMMENT ON COLUMN kick_unsent_lines.at IS 'of the newest line';

ALTER TABLE kick_unsent_lines ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE kick_no_event_alerts (
	guild_id BIGINT NOT NULL, 
	started_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	episode INTEGER NOT NULL, 
	since TIMESTAMP WITH TIME ZONE NOT NULL, 
	evidence TEXT NOT NULL, 
	noticed_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	over_at TIMESTAMP WITH TIME ZONE, 
	CONSTRAINT kick_no_event_alerts_episode PRIMARY KEY (guild_id, started_at, episode), 
	CONSTRAINT kick_no_event_alerts_guild FOREIGN KEY(guild_id) REFERENCES guilds (guild_id), 
	CONSTRAINT kick_no_event_alerts_evidence CHECK (evidence IN ('chat', 'subscription', 'selftest', 'feed'))
);

CREATE UNIQUE INDEX kick_no_event_alerts_open ON kick_no_event_alerts (guild_id) WHERE over_at IS NULL;

COMMENT ON COLUMN kick_no_event_alerts.started_at IS 'of the stream';

COMMENT ON COLUMN kick_no_event_alerts.episode IS 'counts within the stream';

COMMENT ON COLUMN kick_no_event_alerts.since IS 'no chat since';

COMMENT ON COLUMN kick_no_event_alerts.evidence IS 'why it is not just a quiet chat';

ALTER TABLE kick_no_event_alerts ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE kick_review_items (
	guild_id BIGINT NOT NULL, 
	kind TEXT NOT NULL, 
	key TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	drop TEXT NOT NULL, 
	source TEXT NOT NULL, 
	channel_id BIGINT NOT NULL, 
	at TIMESTAMP WITH TIME ZONE NOT NULL, 
	giver TEXT NOT NULL, 
	giver_id BIGINT, 
	receiver TEXT NOT NULL, 
	receiver_id BIGINT, 
	amount INTEGER NOT NULL, 
	gift_name TEXT NOT NULL, 
	message TEXT NOT NULL, 
	is_counted BOOLEAN NOT NULL, 
	state TEXT DEFAULT 'waiting' NOT NULL, 
	webhook_key TEXT, 
	number INTEGER, 
	decided_by BIGINT, 
	decided_at TIMESTAMP WITH TIME ZONE, 
	CONSTRAINT kick_review_items_once PRIMARY KEY (guild_id, kind, key), 
	CONSTRAINT kick_review_items_guild FOREIGN KEY(guild_id) REFERENCES guilds (guild_id), 
	CONSTRAINT kick_review_items_kind CHECK (kind IN ('gift', 'sub', 'kicks', 'duplicate')), 
	CONSTRAINT kick_review_items_source CHECK (source IN ('webhook', 'feed')), 
	CONSTRAINT kick_review_items_state CHECK (state IN ('waiting', 'confirmed', 'open', 'credited', 'taken_back', 'dismissed')), 
	CONSTRAINT kick_review_items_confirmed_by CHECK (state <> 'confirmed' OR webhook_key IS NOT NULL), 
	CONSTRAINT kick_review_items_decision_fits CHECK (state <> CASE WHEN is_counted THEN 'credited' ELSE 'taken_back' END)
);

CREATE INDEX kick_review_items_gifts ON kick_review_items (guild_id, at) WHERE kind = 'gift';

CREATE INDEX kick_review_items_numbers ON kick_review_items (guild_id, number) WHERE number IS NOT NULL;

CREATE INDEX kick_review_items_subject ON kick_review_items (guild_id, subject, kind, at);

CREATE INDEX kick_review_items_undecided ON kick_review_items (guild_id, at) WHERE state IN ('waiting', 'open');

COMMENT ON COLUMN kick_review_items.key IS 'of the event';

COMMENT ON COLUMN kick_review_items.subject IS 'equal to that of the webhook which confirms it';

COMMENT ON COLUMN kick_review_items.drop IS 'the gifts that are decided together';

COMMENT ON COLUMN kick_review_items.channel_id IS 'the owner''s user id';

COMMENT ON COLUMN kick_review_items.at IS 'of the event, or when its frame arrived';

COMMENT ON COLUMN kick_review_items.giver IS 'gifter or sender; empty if anonymous';

COMMENT ON COLUMN kick_review_items.receiver IS 'giftee or subscriber; empty for Kicks';

COMMENT ON COLUMN kick_review_items.amount IS 'Kicks, or months';

COMMENT ON COLUMN kick_review_items.gift_name IS 'of Kicks';

COMMENT ON COLUMN kick_review_items.message IS 'sent with Kicks';

COMMENT ON COLUMN kick_review_items.is_counted IS 'a duplicate that was counted before its gift came';

COMMENT ON COLUMN kick_review_items.webhook_key IS 'of the webhook''s event that confirms it';

COMMENT ON COLUMN kick_review_items.number IS 'in the queue; the same for all that is decided together';

COMMENT ON COLUMN kick_review_items.decided_by IS 'Discord id; 0: the feed is the authority';

ALTER TABLE kick_review_items ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE kick_known_gifts (
	guild_id BIGINT NOT NULL, 
	at TIMESTAMP WITH TIME ZONE NOT NULL, 
	drop TEXT NOT NULL, 
	part INTEGER NOT NULL, 
	keys JSONB NOT NULL, 
	told JSONB NOT NULL, 
	CONSTRAINT kick_known_gifts_once PRIMARY KEY (guild_id, at, drop, part), 
	CONSTRAINT kick_known_gifts_guild FOREIGN KEY(guild_id) REFERENCES guilds (guild_id)
);

COMMENT ON COLUMN kick_known_gifts.at IS 'when it was given';

COMMENT ON COLUMN kick_known_gifts.drop IS 'who gave it, and the instant';

COMMENT ON COLUMN kick_known_gifts.part IS 'from 1; a large gift may come in several';

COMMENT ON COLUMN kick_known_gifts.keys IS 'of its events, as first told';

COMMENT ON COLUMN kick_known_gifts.told IS 'the giftees of each delivery that said something else';

ALTER TABLE kick_known_gifts ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE streamelements_accounts (
	guild_id BIGINT NOT NULL, 
	name TEXT NOT NULL, 
	state TEXT NOT NULL, 
	connected_by BIGINT NOT NULL, 
	connected_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	channel_id TEXT NOT NULL, 
	platform TEXT NOT NULL, 
	token TEXT NOT NULL, 
	CONSTRAINT streamelements_accounts_one_a_server PRIMARY KEY (guild_id), 
	CONSTRAINT streamelements_accounts_guild FOREIGN KEY(guild_id) REFERENCES guilds (guild_id), 
	CONSTRAINT streamelements_accounts_state CHECK (state IN ('connected', 'reconnect'))
);

COMMENT ON COLUMN streamelements_accounts.state IS 'connected, or reconnect: the service ended the grant';

COMMENT ON COLUMN streamelements_accounts.connected_by IS 'Discord id of the admin';

COMMENT ON COLUMN streamelements_accounts.channel_id IS 'StreamElements'' id: 24 hexadecimal digits';

COMMENT ON COLUMN streamelements_accounts.platform IS 'of the channel, such as twitch';

COMMENT ON COLUMN streamelements_accounts.token IS 'the JWT, encrypted; empty in the state reconnect';

ALTER TABLE streamelements_accounts ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE streamelements_operations (
	guild_id BIGINT NOT NULL, 
	number BIGINT GENERATED ALWAYS AS IDENTITY, 
	key TEXT NOT NULL, 
	purpose TEXT NOT NULL, 
	queued_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	try_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	state TEXT NOT NULL, 
	attempts INTEGER NOT NULL, 
	reason TEXT NOT NULL, 
	sent_at TIMESTAMP WITH TIME ZONE, 
	settled_at TIMESTAMP WITH TIME ZONE, 
	decided_by BIGINT, 
	CONSTRAINT streamelements_operations_key PRIMARY KEY (guild_id, number), 
	CONSTRAINT streamelements_operations_once UNIQUE (guild_id, key), 
	CONSTRAINT streamelements_operations_guild FOREIGN KEY(guild_id) REFERENCES guilds (guild_id), 
	CONSTRAINT streamelements_operations_state CHECK (state IN ('waiting', 'sending', 'unclear', 'settled'))
);

CREATE INDEX streamelements_operations_open ON streamelements_operations (try_at) WHERE state IN ('waiting', 'sending');

COMMENT ON COLUMN streamelements_operations.key IS 'the caller''s; the same key is one operation';

COMMENT ON COLUMN streamelements_operations.purpose IS 'for admins, such as `Stakes of heist 12`';

COMMENT ON COLUMN streamelements_operations.try_at IS 'no attempt before then';

COMMENT ON COLUMN streamelements_operations.reason IS 'why it waits, is refused or unclear';

COMMENT ON COLUMN streamelements_operations.sent_at IS 'the call was made';

COMMENT ON COLUMN streamelements_operations.decided_by IS 'the admin who settled it';

ALTER TABLE streamelements_operations ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE twitch_accounts (
	guild_id BIGINT NOT NULL, 
	name TEXT NOT NULL, 
	state TEXT NOT NULL, 
	connected_by BIGINT NOT NULL, 
	connected_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	role TEXT NOT NULL, 
	twitch_user_id BIGINT NOT NULL, 
	login TEXT NOT NULL, 
	scopes TEXT[] NOT NULL, 
	access_token TEXT NOT NULL, 
	refresh_token TEXT NOT NULL, 
	expires_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	refreshed_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT twitch_accounts_one_a_role PRIMARY KEY (guild_id, role), 
	CONSTRAINT twitch_accounts_guild FOREIGN KEY(guild_id) REFERENCES guilds (guild_id), 
	CONSTRAINT twitch_accounts_role CHECK (role IN ('streamer', 'bot')), 
	CONSTRAINT twitch_accounts_state CHECK (state IN ('connected', 'reconnect'))
);

COMMENT ON COLUMN twitch_accounts.state IS 'connected, or reconnect: the service ended the grant';

COMMENT ON COLUMN twitch_accounts.connected_by IS 'Discord id of the admin';

COMMENT ON COLUMN twitch_accounts.login IS 'the name in addresses';

COMMENT ON COLUMN twitch_accounts.scopes IS 'as granted';

COMMENT ON COLUMN twitch_accounts.access_token IS 'encrypted; empty in the state reconnect';

COMMENT ON COLUMN twitch_accounts.refresh_token IS 'encrypted; empty in the state reconnect';

COMMENT ON COLUMN twitch_accounts.expires_at IS 'of the access token';

ALTER TABLE twitch_accounts ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE twitch_connect_attempts (
	guild_id BIGINT NOT NULL, 
	role TEXT NOT NULL, 
	streamer_id BIGINT, 
	asked_by BIGINT NOT NULL, 
	asked_by_name TEXT NOT NULL, 
	link_id TEXT NOT NULL, 
	asked_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	state_hash TEXT, 
	verifier TEXT, 
	started_at TIMESTAMP WITH TIME ZONE, 
	finished_at TIMESTAMP WITH TIME ZONE, 
	CONSTRAINT twitch_connect_attempts_link PRIMARY KEY (guild_id, link_id), 
	CONSTRAINT twitch_connect_attempts_state UNIQUE (state_hash), 
	CONSTRAINT twitch_connect_attempts_guild FOREIGN KEY(guild_id) REFERENCES guilds (guild_id), 
	CONSTRAINT twitch_connect_attempts_role CHECK (role IN ('streamer', 'bot'))
);

COMMENT ON COLUMN twitch_connect_attempts.streamer_id IS 'Twitch user id of the streamer who asked, signed in with Twitch';

COMMENT ON COLUMN twitch_connect_attempts.link_id IS 'random, inside the signed link';

COMMENT ON COLUMN twitch_connect_attempts.state_hash IS 'SHA-256 of the state, once the link was followed';

COMMENT ON COLUMN twitch_connect_attempts.verifier IS 'PKCE, encrypted';

COMMENT ON COLUMN twitch_connect_attempts.started_at IS 'when the link was followed to the other site';

COMMENT ON COLUMN twitch_connect_attempts.finished_at IS 'when somebody came back with the state';

ALTER TABLE twitch_connect_attempts ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE api_tokens (
	guild_id BIGINT NOT NULL, 
	name TEXT NOT NULL, 
	token_hash TEXT NOT NULL, 
	scope VARCHAR(5) NOT NULL, 
	created_by BIGINT NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	used_at TIMESTAMP WITH TIME ZONE, 
	CONSTRAINT api_tokens_one_a_name PRIMARY KEY (guild_id, name), 
	CONSTRAINT api_tokens_hash UNIQUE (token_hash), 
	CONSTRAINT api_tokens_guild FOREIGN KEY(guild_id) REFERENCES guilds (guild_id), 
	CONSTRAINT api_tokens_name CHECK (char_length(name) BETWEEN 1 AND 40), 
	CONSTRAINT api_tokens_scope CHECK (scope IN ('read', 'write'))
);

COMMENT ON COLUMN api_tokens.token_hash IS 'SHA-256; the token itself is shown once and not stored';

COMMENT ON COLUMN api_tokens.used_at IS 'last used, about';

ALTER TABLE api_tokens ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE games (
	guild_id BIGINT NOT NULL, 
	folded_title TEXT NOT NULL, 
	title TEXT NOT NULL, 
	provider TEXT NOT NULL, 
	aliases TEXT[] NOT NULL, 
	banned BOOLEAN NOT NULL, 
	CONSTRAINT games_once PRIMARY KEY (guild_id, folded_title), 
	CONSTRAINT games_guild FOREIGN KEY(guild_id) REFERENCES guilds (guild_id)
);

COMMENT ON COLUMN games.folded_title IS 'for comparing';

ALTER TABLE games ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE games_catalogues (
	guild_id BIGINT NOT NULL, 
	version TEXT NOT NULL, 
	CONSTRAINT games_catalogues_once PRIMARY KEY (guild_id), 
	CONSTRAINT games_catalogues_guild FOREIGN KEY(guild_id) REFERENCES guilds (guild_id)
);

COMMENT ON COLUMN games_catalogues.version IS 'random, so that no two are the same';

ALTER TABLE games_catalogues ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE people_viewers (
	guild_id BIGINT NOT NULL, 
	viewer_id BIGINT GENERATED ALWAYS AS IDENTITY, 
	platform TEXT NOT NULL, 
	platform_user_id BIGINT NOT NULL, 
	name TEXT NOT NULL, 
	folded_name TEXT NOT NULL, 
	login TEXT NOT NULL, 
	named_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	forgotten_at TIMESTAMP WITH TIME ZONE, 
	represented_by BIGINT, 
	person_id BIGINT GENERATED ALWAYS AS (COALESCE(represented_by, viewer_id)) STORED NOT NULL, 
	CONSTRAINT people_viewers_key PRIMARY KEY (guild_id, viewer_id), 
	CONSTRAINT people_viewers_one_per_account UNIQUE (guild_id, platform, platform_user_id), 
	CONSTRAINT people_viewers_guild FOREIGN KEY(guild_id) REFERENCES guilds (guild_id), 
	CONSTRAINT people_viewers_represented_by FOREIGN KEY(guild_id, represented_by) REFERENCES people_viewers (guild_id, viewer_id)
);

CREATE INDEX people_viewers_by_login ON people_viewers (guild_id, login);

CREATE INDEX people_viewers_by_name ON people_viewers (guild_id, folded_name);

CREATE INDEX people_viewers_represented ON people_viewers (guild_id, represented_by) WHERE represented_by IS NOT NULL;

COMMENT ON COLUMN people_viewers.platform_user_id IS 'below zero once forgotten';

COMMENT ON COLUMN people_viewers.name IS 'as its owner writes it now';

COMMENT ON COLUMN people_viewers.folded_name IS 'for comparing';

COMMENT ON COLUMN people_viewers.login IS 'the name in addresses, folded; or empty';

COMMENT ON COLUMN people_viewers.named_at IS 'when the name was seen';

COMMENT ON COLUMN people_viewers.forgotten_at IS 'when its owner asked to be forgotten; what is older stays anonymous';

COMMENT ON COLUMN people_viewers.represented_by IS 'the first known of the accounts that one member has linked; empty for that itself';

COMMENT ON COLUMN people_viewers.person_id IS 'the same for all accounts of a person: the viewer id of one of them';

ALTER TABLE people_viewers ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE people_link_attempts (
	guild_id BIGINT NOT NULL, 
	discord_id BIGINT NOT NULL, 
	discord_name TEXT NOT NULL, 
	discord_handle TEXT NOT NULL, 
	avatar_url TEXT NOT NULL, 
	platform TEXT NOT NULL, 
	by_dm BOOLEAN NOT NULL, 
	outcome TEXT, 
	link_id TEXT NOT NULL, 
	asked_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	state_hash TEXT, 
	verifier TEXT, 
	started_at TIMESTAMP WITH TIME ZONE, 
	finished_at TIMESTAMP WITH TIME ZONE, 
	CONSTRAINT people_link_attempts_link PRIMARY KEY (guild_id, link_id), 
	CONSTRAINT people_link_attempts_state UNIQUE (state_hash), 
	CONSTRAINT people_link_attempts_guild FOREIGN KEY(guild_id) REFERENCES guilds (guild_id)
);

CREATE INDEX people_link_attempts_of_member ON people_link_attempts (guild_id, discord_id, asked_at);

CREATE INDEX people_link_attempts_unsettled ON people_link_attempts (finished_at) WHERE finished_at IS NOT NULL AND outcome IS NULL;

COMMENT ON COLUMN people_link_attempts.discord_name IS 'as shown in the server, when they asked';

COMMENT ON COLUMN people_link_attempts.discord_handle IS 'unique on Discord';

COMMENT ON COLUMN people_link_attempts.platform IS 'whose account is to be linked';

COMMENT ON COLUMN people_link_attempts.by_dm IS 'the member takes direct messages from us';

COMMENT ON COLUMN people_link_attempts.outcome IS 'linked, or why not; empty while it is open';

COMMENT ON COLUMN people_link_attempts.link_id IS 'random, inside the signed link';

COMMENT ON COLUMN people_link_attempts.state_hash IS 'SHA-256 of the state, once the link was followed';

COMMENT ON COLUMN people_link_attempts.verifier IS 'PKCE, encrypted';

COMMENT ON COLUMN people_link_attempts.started_at IS 'when the link was followed to the other site';

COMMENT ON COLUMN people_link_attempts.finished_at IS 'when somebody came back with the state';

ALTER TABLE people_link_attempts ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE people_excluded_names (
	guild_id BIGINT NOT NULL, 
	folded_name TEXT NOT NULL, 
	scope TEXT NOT NULL, 
	name TEXT NOT NULL, 
	excluded BOOLEAN NOT NULL, 
	CONSTRAINT people_excluded_names_once PRIMARY KEY (guild_id, folded_name, scope), 
	CONSTRAINT people_excluded_names_guild FOREIGN KEY(guild_id) REFERENCES guilds (guild_id), 
	CONSTRAINT people_excluded_names_scope CHECK (scope IN ('everything', 'watchtime', 'slot_calls', 'raffle', 'vips'))
);

COMMENT ON COLUMN people_excluded_names.folded_name IS 'for comparing';

COMMENT ON COLUMN people_excluded_names.name IS 'as the admin wrote it';

COMMENT ON COLUMN people_excluded_names.excluded IS 'no: this known chat bot may take part here after all';

ALTER TABLE people_excluded_names ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE people_link_log (
	guild_id BIGINT NOT NULL, 
	id BIGINT GENERATED ALWAYS AS IDENTITY, 
	at TIMESTAMP WITH TIME ZONE NOT NULL, 
	kind TEXT NOT NULL, 
	discord_id BIGINT NOT NULL, 
	platform TEXT NOT NULL, 
	name TEXT NOT NULL, 
	reason TEXT, 
	actor BIGINT, 
	CONSTRAINT people_link_log_key PRIMARY KEY (guild_id, id), 
	CONSTRAINT people_link_log_guild FOREIGN KEY(guild_id) REFERENCES guilds (guild_id), 
	CONSTRAINT people_link_log_kind CHECK (kind IN ('linked', 'failed', 'unlinked'))
);

CREATE INDEX people_link_log_newest ON people_link_log (guild_id, id DESC);

CREATE INDEX people_link_log_of_member ON people_link_log (guild_id, discord_id);

COMMENT ON COLUMN people_link_log.platform IS 'of the account';

COMMENT ON COLUMN people_link_log.name IS 'empty while the account was not known';

COMMENT ON COLUMN people_link_log.reason IS 'why linking failed';

COMMENT ON COLUMN people_link_log.actor IS 'who did it';

ALTER TABLE people_link_log ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE people_panels (
	guild_id BIGINT NOT NULL, 
	message_id BIGINT NOT NULL, 
	channel_id BIGINT NOT NULL, 
	channel_name TEXT NOT NULL, 
	emoji TEXT NOT NULL, 
	platforms TEXT DEFAULT '' NOT NULL, 
	posted_by BIGINT NOT NULL, 
	posted_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	state TEXT DEFAULT 'posted' NOT NULL, 
	ended_at TIMESTAMP WITH TIME ZONE, 
	trouble TEXT, 
	CONSTRAINT people_panels_message PRIMARY KEY (guild_id, message_id), 
	CONSTRAINT people_panels_guild FOREIGN KEY(guild_id) REFERENCES guilds (guild_id), 
	CONSTRAINT people_panels_state CHECK (state IN ('posted', 'withdrawn', 'gone'))
);

CREATE UNIQUE INDEX people_panels_one_a_channel ON people_panels (guild_id, channel_id) WHERE state = 'posted';

COMMENT ON TABLE people_panels IS 'withdrawn: the message is still to be deleted; gone: somebody else deleted it';

COMMENT ON COLUMN people_panels.message_id IS 'of Discord';

COMMENT ON COLUMN people_panels.channel_name IS 'when it was posted';

COMMENT ON COLUMN people_panels.emoji IS 'of the reaction, as it is written in a message';

COMMENT ON COLUMN people_panels.platforms IS 'whose accounts it links, with spaces between';

COMMENT ON COLUMN people_panels.posted_by IS 'Discord id of the admin';

COMMENT ON COLUMN people_panels.ended_at IS 'when it was withdrawn, or found gone';

COMMENT ON COLUMN people_panels.trouble IS 'what it cannot do, in words for an admin';

ALTER TABLE people_panels ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE tiers_due_resyncs (
	guild_id BIGINT NOT NULL, 
	since TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT tiers_due_resyncs_one_a_server PRIMARY KEY (guild_id), 
	CONSTRAINT tiers_due_resyncs_guild FOREIGN KEY(guild_id) REFERENCES guilds (guild_id)
);

COMMENT ON COLUMN tiers_due_resyncs.since IS 'of the newest gap';

ALTER TABLE tiers_due_resyncs ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE watchtime_streams (
	guild_id BIGINT NOT NULL, 
	platform TEXT NOT NULL, 
	started_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	seen_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	ended_at TIMESTAMP WITH TIME ZONE, 
	until TIMESTAMP WITH TIME ZONE GENERATED ALWAYS AS (GREATEST(started_at, COALESCE(ended_at, seen_at))) STORED NOT NULL, 
	stale_from TIMESTAMP WITH TIME ZONE, 
	CONSTRAINT watchtime_streams_once PRIMARY KEY (guild_id, platform, started_at), 
	CONSTRAINT watchtime_streams_guild FOREIGN KEY(guild_id) REFERENCES guilds (guild_id)
);

CREATE INDEX watchtime_streams_by_end ON watchtime_streams (guild_id, platform, until);

CREATE INDEX watchtime_streams_stale ON watchtime_streams (guild_id) WHERE stale_from IS NOT NULL;

COMMENT ON COLUMN watchtime_streams.seen_at IS 'the last moment at which the platform itself said that it is live';

COMMENT ON COLUMN watchtime_streams.ended_at IS 'when the platform said that it ended';

COMMENT ON COLUMN watchtime_streams.until IS 'it is confirmed to have been live from started_at until here';

COMMENT ON COLUMN watchtime_streams.stale_from IS 'from here on credits have to be computed again; empty when all is credited';

ALTER TABLE watchtime_streams ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE watchtime_offline_checks (
	guild_id BIGINT NOT NULL, 
	platform TEXT NOT NULL, 
	seen_offline_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT watchtime_offline_checks_once PRIMARY KEY (guild_id, platform), 
	CONSTRAINT watchtime_offline_checks_guild FOREIGN KEY(guild_id) REFERENCES guilds (guild_id)
);

ALTER TABLE watchtime_offline_checks ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE watchtime_limits (
	guild_id BIGINT NOT NULL, 
	applies_from TIMESTAMP WITH TIME ZONE NOT NULL, 
	maximum INTERVAL, 
	time_zone TEXT NOT NULL, 
	CONSTRAINT watchtime_limits_once PRIMARY KEY (guild_id, applies_from), 
	CONSTRAINT watchtime_limits_guild FOREIGN KEY(guild_id) REFERENCES guilds (guild_id)
);

COMMENT ON COLUMN watchtime_limits.maximum IS 'empty for all of a day';

COMMENT ON COLUMN watchtime_limits.time_zone IS 'whose midnights make the days';

ALTER TABLE watchtime_limits ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE raffle_periods (
	guild_id BIGINT NOT NULL, 
	number INTEGER NOT NULL, 
	starts_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	ends_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	ends_with_month BOOLEAN DEFAULT false NOT NULL, 
	state TEXT DEFAULT 'open' NOT NULL, 
	prize TEXT NOT NULL, 
	winners_wanted INTEGER NOT NULL, 
	sealed_seed TEXT NOT NULL, 
	sealed_salt TEXT NOT NULL, 
	commitment TEXT NOT NULL, 
	public_id TEXT NOT NULL, 
	opened_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	frozen_at TIMESTAMP WITH TIME ZONE, 
	drawn_at TIMESTAMP WITH TIME ZONE, 
	closed_at TIMESTAMP WITH TIME ZONE, 
	CONSTRAINT raffle_periods_numbered PRIMARY KEY (guild_id, number), 
	CONSTRAINT raffle_periods_public_id UNIQUE (public_id), 
	CONSTRAINT raffle_periods_guild FOREIGN KEY(guild_id) REFERENCES guilds (guild_id), 
	CONSTRAINT raffle_periods_apart EXCLUDE USING gist (int8range(guild_id, guild_id, '[]') WITH &&, tstzrange(starts_at, ends_at) WITH &&), 
	CONSTRAINT raffle_periods_in_order CHECK (starts_at <= ends_at), 
	CONSTRAINT raffle_periods_state CHECK (state IN ('open', 'frozen', 'drawn', 'closed')), 
	CONSTRAINT raffle_periods_winners CHECK (winners_wanted > 0)
);

COMMENT ON COLUMN raffle_periods.number IS 'counts up within the server';

COMMENT ON COLUMN raffle_periods.ends_at IS 'the first instant after';

COMMENT ON COLUMN raffle_periods.ends_with_month IS 'its end was midnight of a 1st in the server''s time zone when it was chosen';

COMMENT ON COLUMN raffle_periods.sealed_seed IS 'secret until the draw';

COMMENT ON COLUMN raffle_periods.sealed_salt IS 'always secret: it makes the pseudonyms';

COMMENT ON COLUMN raffle_periods.commitment IS 'SHA-256 of the seed, in hex';

COMMENT ON COLUMN raffle_periods.public_id IS 'in the address of its public page';

ALTER TABLE raffle_periods ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE roles_rewards (
	guild_id BIGINT NOT NULL, 
	role_id BIGINT NOT NULL, 
	minutes INTEGER, 
	state TEXT DEFAULT 'on' NOT NULL, 
	name TEXT NOT NULL, 
	added_by BIGINT NOT NULL, 
	added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	obstacle TEXT, 
	obstacle_since TIMESTAMP WITH TIME ZONE, 
	checked_terms TEXT, 
	CONSTRAINT roles_rewards_once PRIMARY KEY (guild_id, role_id), 
	CONSTRAINT roles_rewards_guild FOREIGN KEY(guild_id) REFERENCES guilds (guild_id), 
	CONSTRAINT roles_rewards_state CHECK (state IN ('on', 'off', 'ending')), 
	CONSTRAINT roles_rewards_take_time CHECK (minutes > 0)
);

CREATE UNIQUE INDEX roles_rewards_one_for_linking ON roles_rewards (guild_id) WHERE minutes IS NULL AND state <> 'ending';

COMMENT ON COLUMN roles_rewards.minutes IS 'required watchtime; empty for the role of linked members';

COMMENT ON COLUMN roles_rewards.name IS 'of the role, when it was last seen';

COMMENT ON COLUMN roles_rewards.added_by IS 'Discord id of the admin';

COMMENT ON COLUMN roles_rewards.obstacle IS 'why the bot cannot assign it';

COMMENT ON COLUMN roles_rewards.checked_terms IS 'the terms when all members were last checked; new terms bring roles in bulk';

ALTER TABLE roles_rewards ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE roles_checks (
	guild_id BIGINT NOT NULL, 
	number BIGINT NOT NULL, 
	checked_at TIMESTAMP WITH TIME ZONE, 
	given INTEGER DEFAULT '0' NOT NULL, 
	taken INTEGER DEFAULT '0' NOT NULL, 
	CONSTRAINT roles_checks_once PRIMARY KEY (guild_id), 
	CONSTRAINT roles_checks_guild FOREIGN KEY(guild_id) REFERENCES guilds (guild_id)
);

COMMENT ON COLUMN roles_checks.number IS 'of the newest change';

COMMENT ON COLUMN roles_checks.given IS 'by that check';

COMMENT ON COLUMN roles_checks.taken IS 'by that check';

ALTER TABLE roles_checks ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE slot_calls_picks (
	guild_id BIGINT NOT NULL, 
	number INTEGER NOT NULL, 
	state TEXT DEFAULT 'waiting' NOT NULL, 
	entrants INTEGER NOT NULL, 
	sealed_seed TEXT NOT NULL, 
	snapshot TEXT NOT NULL, 
	snapshot_hash TEXT NOT NULL, 
	frozen_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	chain TEXT NOT NULL, 
	round INTEGER NOT NULL, 
	round_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	channel_id BIGINT NOT NULL, 
	randomness TEXT, 
	signature TEXT, 
	drawn INTEGER DEFAULT '0' NOT NULL, 
	call INTEGER, 
	CONSTRAINT slot_calls_picks_numbered PRIMARY KEY (guild_id, number), 
	CONSTRAINT slot_calls_picks_guild FOREIGN KEY(guild_id) REFERENCES guilds (guild_id), 
	CONSTRAINT slot_calls_picks_state CHECK (state IN ('waiting', 'done', 'failed'))
);

COMMENT ON COLUMN slot_calls_picks.number IS 'counts up within the server';

COMMENT ON COLUMN slot_calls_picks.sealed_seed IS 'published with the result';

COMMENT ON COLUMN slot_calls_picks.snapshot_hash IS 'SHA-256 of the snapshot, in hex';

COMMENT ON COLUMN slot_calls_picks.chain IS 'the beacon''s';

COMMENT ON COLUMN slot_calls_picks.randomness IS 'the round''s, in hex';

COMMENT ON COLUMN slot_calls_picks.signature IS 'the round''s, in hex';

COMMENT ON COLUMN slot_calls_picks.drawn IS 'how many were drawn until one was still open';

COMMENT ON COLUMN slot_calls_picks.call IS 'number of the request';

ALTER TABLE slot_calls_picks ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE slot_calls_panels (
	guild_id BIGINT NOT NULL, 
	channel_id BIGINT NOT NULL, 
	message TEXT NOT NULL, 
	version INTEGER NOT NULL, 
	CONSTRAINT slot_calls_panels_one PRIMARY KEY (guild_id), 
	CONSTRAINT slot_calls_panels_guild FOREIGN KEY(guild_id) REFERENCES guilds (guild_id)
);

COMMENT ON COLUMN slot_calls_panels.channel_id IS 'of the message; 0 without one';

COMMENT ON COLUMN slot_calls_panels.message IS 'random: one that is posted again is a new one';

COMMENT ON COLUMN slot_calls_panels.version IS 'counts the changes';

ALTER TABLE slot_calls_panels ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE vips_rewards (
	guild_id BIGINT NOT NULL, 
	number INTEGER NOT NULL, 
	reward_id TEXT, 
	state TEXT DEFAULT 'creating' NOT NULL, 
	pause TEXT DEFAULT 'no' NOT NULL, 
	is_ours BOOLEAN DEFAULT true NOT NULL, 
	is_used BOOLEAN DEFAULT true NOT NULL, 
	skips_queue BOOLEAN DEFAULT false NOT NULL, 
	is_enabled BOOLEAN DEFAULT true NOT NULL, 
	title TEXT NOT NULL, 
	cost INTEGER NOT NULL, 
	prompt TEXT DEFAULT '' NOT NULL, 
	colour TEXT DEFAULT '#9147FF' NOT NULL, 
	minutes INTEGER DEFAULT '0' NOT NULL, 
	max_per_stream INTEGER DEFAULT '0' NOT NULL, 
	max_per_user INTEGER DEFAULT '0' NOT NULL, 
	cooldown_seconds INTEGER DEFAULT '0' NOT NULL, 
	is_pending BOOLEAN DEFAULT true NOT NULL, 
	version INTEGER DEFAULT '1' NOT NULL, 
	trouble TEXT DEFAULT '' NOT NULL, 
	attempts INTEGER DEFAULT '0' NOT NULL, 
	try_at TIMESTAMP WITH TIME ZONE, 
	created_by BIGINT NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT vips_rewards_numbered PRIMARY KEY (guild_id, number), 
	CONSTRAINT vips_rewards_guild FOREIGN KEY(guild_id) REFERENCES guilds (guild_id), 
	CONSTRAINT vips_rewards_state CHECK (state IN ('creating', 'on', 'deleting', 'deleted', 'removed')), 
	CONSTRAINT vips_rewards_pause CHECK (pause IN ('no', 'hand', 'full', 'locked')), 
	CONSTRAINT vips_rewards_cost CHECK (cost > 0)
);

CREATE UNIQUE INDEX vips_rewards_once ON vips_rewards (guild_id, reward_id);

COMMENT ON COLUMN vips_rewards.number IS 'counts up within the server';

COMMENT ON COLUMN vips_rewards.reward_id IS 'Twitch''s; empty until created';

COMMENT ON COLUMN vips_rewards.is_ours IS 'no: created elsewhere, so never refundable';

COMMENT ON COLUMN vips_rewards.is_used IS 'redemptions make people VIP';

COMMENT ON COLUMN vips_rewards.skips_queue IS 'on Twitch: points are spent at once, and cannot be returned';

COMMENT ON COLUMN vips_rewards.minutes IS 'of VIP; 0 for the server''s default';

COMMENT ON COLUMN vips_rewards.max_per_stream IS '0: any';

COMMENT ON COLUMN vips_rewards.max_per_user IS 'in a stream; 0: any';

COMMENT ON COLUMN vips_rewards.is_pending IS 'Twitch does not know the newest change';

COMMENT ON COLUMN vips_rewards.version IS 'counts changes, so that none is missed';

COMMENT ON COLUMN vips_rewards.trouble IS 'why Twitch refused the newest change';

COMMENT ON COLUMN vips_rewards.try_at IS 'of the next call to Twitch; empty: now';

COMMENT ON COLUMN vips_rewards.created_by IS 'Discord id of the admin; 0: Twitch';

ALTER TABLE vips_rewards ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE vips_channels (
	guild_id BIGINT NOT NULL, 
	vips_due BOOLEAN DEFAULT true NOT NULL, 
	rewards_due BOOLEAN DEFAULT true NOT NULL, 
	redemptions_due BOOLEAN DEFAULT true NOT NULL, 
	listed_at TIMESTAMP WITH TIME ZONE, 
	rewards_listed_at TIMESTAMP WITH TIME ZONE, 
	swept_at TIMESTAMP WITH TIME ZONE, 
	full_at INTEGER, 
	full_until TIMESTAMP WITH TIME ZONE, 
	failing JSONB DEFAULT '{}' NOT NULL, 
	told TEXT[] DEFAULT '{}' NOT NULL, 
	trouble TEXT DEFAULT '' NOT NULL, 
	trouble_since TIMESTAMP WITH TIME ZONE, 
	leaving_by BIGINT, 
	CONSTRAINT vips_channels_one PRIMARY KEY (guild_id), 
	CONSTRAINT vips_channels_guild FOREIGN KEY(guild_id) REFERENCES guilds (guild_id)
);

COMMENT ON COLUMN vips_channels.listed_at IS 'from when its VIPs are listed again after a while';

COMMENT ON COLUMN vips_channels.rewards_listed_at IS 'the same of its rewards';

COMMENT ON COLUMN vips_channels.swept_at IS 'the same of open redemptions';

COMMENT ON COLUMN vips_channels.full_at IS 'how many VIPs there were when Twitch had no slot left';

COMMENT ON COLUMN vips_channels.full_until IS 'when that is tried again';

COMMENT ON COLUMN vips_channels.failing IS 'list that Twitch does not give -> how often in a row, and why';

COMMENT ON COLUMN vips_channels.told IS 'the present problems that the admins were told about';

COMMENT ON COLUMN vips_channels.trouble IS 'what cannot be done on Twitch, and why';

COMMENT ON COLUMN vips_channels.leaving_by IS 'who disconnects the channel once its VIPs have ended; 0: the streamer';

ALTER TABLE vips_channels ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE points_flows (
	guild_id BIGINT NOT NULL, 
	account TEXT NOT NULL, 
	day DATE NOT NULL, 
	given BIGINT NOT NULL, 
	taken BIGINT NOT NULL, 
	CONSTRAINT points_flows_once PRIMARY KEY (guild_id, account, day), 
	CONSTRAINT points_flows_guild FOREIGN KEY(guild_id) REFERENCES guilds (guild_id)
);

COMMENT ON COLUMN points_flows.day IS 'in the server''s time zone then';

ALTER TABLE points_flows ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE points_seasons (
	guild_id BIGINT NOT NULL, 
	number INTEGER NOT NULL, 
	started_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	ended_at TIMESTAMP WITH TIME ZONE, 
	CONSTRAINT points_seasons_numbered PRIMARY KEY (guild_id, number), 
	CONSTRAINT points_seasons_guild FOREIGN KEY(guild_id) REFERENCES guilds (guild_id)
);

COMMENT ON COLUMN points_seasons.number IS 'counts up within the server';

ALTER TABLE points_seasons ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE points_rates (
	guild_id BIGINT NOT NULL, 
	valid_from TIMESTAMP WITH TIME ZONE NOT NULL, 
	per_hour INTEGER NOT NULL, 
	CONSTRAINT points_rates_one_at_a_time PRIMARY KEY (guild_id, valid_from), 
	CONSTRAINT points_rates_guild FOREIGN KEY(guild_id) REFERENCES guilds (guild_id)
);

ALTER TABLE points_rates ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE points_operations (
	guild_id BIGINT NOT NULL, 
	key TEXT NOT NULL, 
	game TEXT NOT NULL, 
	round BIGINT NOT NULL, 
	kind TEXT NOT NULL, 
	provider TEXT NOT NULL, 
	at TIMESTAMP WITH TIME ZONE NOT NULL, 
	done_at TIMESTAMP WITH TIME ZONE, 
	CONSTRAINT points_operations_once PRIMARY KEY (guild_id, key), 
	CONSTRAINT points_operations_guild FOREIGN KEY(guild_id) REFERENCES guilds (guild_id), 
	CONSTRAINT points_operations_kind CHECK (kind IN ('take', 'pay', 'refund'))
);

CREATE INDEX points_operations_of_round ON points_operations (guild_id, game, round);

COMMENT ON COLUMN points_operations.key IS 'natural key, done once';

COMMENT ON COLUMN points_operations.done_at IS 'empty while the provider has not answered';

ALTER TABLE points_operations ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE points_imports (
	guild_id BIGINT NOT NULL, 
	number INTEGER NOT NULL, 
	source TEXT NOT NULL, 
	platform TEXT NOT NULL, 
	state TEXT NOT NULL, 
	accounts INTEGER NOT NULL, 
	reason TEXT NOT NULL, 
	started_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	started_by BIGINT NOT NULL, 
	try_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT points_imports_numbered PRIMARY KEY (guild_id, number), 
	CONSTRAINT points_imports_guild FOREIGN KEY(guild_id) REFERENCES guilds (guild_id), 
	CONSTRAINT points_imports_source CHECK (source IN ('streamelements', 'list')), 
	CONSTRAINT points_imports_state CHECK (state IN ('reading', 'ready', 'done', 'cancelled', 'failed'))
);

CREATE UNIQUE INDEX points_imports_one_open ON points_imports (guild_id) WHERE state IN ('reading', 'ready');

COMMENT ON COLUMN points_imports.number IS 'counts up within the server';

COMMENT ON COLUMN points_imports.platform IS 'whose names these are; empty for any';

COMMENT ON COLUMN points_imports.accounts IS 'read so far';

COMMENT ON COLUMN points_imports.reason IS 'why it waits or failed';

COMMENT ON COLUMN points_imports.try_at IS 'not read before';

ALTER TABLE points_imports ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE points_drift (
	guild_id BIGINT NOT NULL, 
	at TIMESTAMP WITH TIME ZONE NOT NULL, 
	count INTEGER NOT NULL, 
	CONSTRAINT points_drift_once PRIMARY KEY (guild_id), 
	CONSTRAINT points_drift_guild FOREIGN KEY(guild_id) REFERENCES guilds (guild_id)
);

COMMENT ON COLUMN points_drift.count IS 'numbers that are not the sum of their entries';

ALTER TABLE points_drift ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE heist_widget_keys (
	guild_id BIGINT NOT NULL, 
	digest TEXT NOT NULL, 
	made_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT heist_widget_keys_one_a_server PRIMARY KEY (guild_id), 
	CONSTRAINT heist_widget_keys_digest UNIQUE (digest), 
	CONSTRAINT heist_widget_keys_guild FOREIGN KEY(guild_id) REFERENCES guilds (guild_id)
);

COMMENT ON COLUMN heist_widget_keys.digest IS 'SHA-256';

ALTER TABLE heist_widget_keys ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE overlays_keys (
	guild_id BIGINT NOT NULL, 
	kind TEXT NOT NULL, 
	sealed TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	made_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	seen_at TIMESTAMP WITH TIME ZONE, 
	CONSTRAINT overlays_keys_one_a_kind PRIMARY KEY (guild_id, kind), 
	CONSTRAINT overlays_keys_digest UNIQUE (digest), 
	CONSTRAINT overlays_keys_guild FOREIGN KEY(guild_id) REFERENCES guilds (guild_id)
);

COMMENT ON COLUMN overlays_keys.sealed IS 'encrypted, to show the address again';

COMMENT ON COLUMN overlays_keys.digest IS 'SHA-256, to find the key of a request';

COMMENT ON COLUMN overlays_keys.seen_at IS 'last opened, about';

ALTER TABLE overlays_keys ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE privacy_requests (
	guild_id BIGINT NOT NULL, 
	request_id TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	sweep_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT privacy_requests_one PRIMARY KEY (guild_id, request_id), 
	CONSTRAINT privacy_requests_guild FOREIGN KEY(guild_id) REFERENCES guilds (guild_id)
);

CREATE INDEX privacy_requests_due ON privacy_requests (sweep_at);

COMMENT ON COLUMN privacy_requests.request_id IS 'random';

COMMENT ON COLUMN privacy_requests.subject IS 'who it was, encrypted';

ALTER TABLE privacy_requests ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE streamelements_operation_lines (
	guild_id BIGINT NOT NULL, 
	number BIGINT NOT NULL, 
	login TEXT NOT NULL, 
	user_id BIGINT NOT NULL, 
	delta BIGINT NOT NULL, 
	"references" BIGINT[] NOT NULL, 
	before BIGINT, 
	alltime BIGINT, 
	seen BIGINT, 
	outcome TEXT, 
	is_published BOOLEAN NOT NULL, 
	CONSTRAINT streamelements_operation_lines_once PRIMARY KEY (guild_id, number, user_id), 
	CONSTRAINT streamelements_operation_lines_operation FOREIGN KEY(guild_id, number) REFERENCES streamelements_operations (guild_id, number), 
	CONSTRAINT streamelements_operation_lines_outcome CHECK (outcome IN ('applied', 'refused', 'too_little', 'unclear'))
);

COMMENT ON COLUMN streamelements_operation_lines.number IS 'of the operation';

COMMENT ON COLUMN streamelements_operation_lines.login IS 'at the platform';

COMMENT ON COLUMN streamelements_operation_lines.user_id IS 'at the platform';

COMMENT ON COLUMN streamelements_operation_lines."references" IS 'the caller''s, such as viewer ids';

COMMENT ON COLUMN streamelements_operation_lines.before IS 'the balance just before the call';

COMMENT ON COLUMN streamelements_operation_lines.alltime IS 'all that they had earned just before the call';

COMMENT ON COLUMN streamelements_operation_lines.seen IS 'the balance at the last look after a lost answer';

COMMENT ON COLUMN streamelements_operation_lines.outcome IS 'once it is known';

COMMENT ON COLUMN streamelements_operation_lines.is_published IS 'the outcome';

ALTER TABLE streamelements_operation_lines ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE people_former_names (
	guild_id BIGINT NOT NULL, 
	viewer_id BIGINT NOT NULL, 
	folded_name TEXT NOT NULL, 
	name TEXT NOT NULL, 
	until TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT people_former_names_once PRIMARY KEY (guild_id, viewer_id, folded_name), 
	CONSTRAINT people_former_names_viewer FOREIGN KEY(guild_id, viewer_id) REFERENCES people_viewers (guild_id, viewer_id)
);

CREATE INDEX people_former_names_by_name ON people_former_names (guild_id, folded_name);

COMMENT ON COLUMN people_former_names.folded_name IS 'for comparing';

COMMENT ON COLUMN people_former_names.name IS 'as its owner wrote it';

COMMENT ON COLUMN people_former_names.until IS 'when another one was seen';

ALTER TABLE people_former_names ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE people_hidden (
	guild_id BIGINT NOT NULL, 
	viewer_id BIGINT NOT NULL, 
	hidden_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT people_hidden_once PRIMARY KEY (guild_id, viewer_id), 
	CONSTRAINT people_hidden_viewer FOREIGN KEY(guild_id, viewer_id) REFERENCES people_viewers (guild_id, viewer_id)
);

ALTER TABLE people_hidden ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE people_links (
	guild_id BIGINT NOT NULL, 
	discord_id BIGINT NOT NULL, 
	platform TEXT NOT NULL, 
	linked_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	discord_handle TEXT DEFAULT '' NOT NULL, 
	viewer_id BIGINT NOT NULL, 
	CONSTRAINT people_links_one_per_member PRIMARY KEY (guild_id, discord_id, platform), 
	CONSTRAINT people_links_one_per_account UNIQUE (guild_id, viewer_id), 
	CONSTRAINT people_links_viewer FOREIGN KEY(guild_id, viewer_id) REFERENCES people_viewers (guild_id, viewer_id)
);

CREATE INDEX people_links_by_time ON people_links (guild_id, linked_at);

COMMENT ON COLUMN people_links.platform IS 'of the viewer';

COMMENT ON COLUMN people_links.discord_handle IS 'unique on Discord, when linked';

ALTER TABLE people_links ALTER COLUMN guild_id SET STATISTICS 0;

CREATE OR REPLACE FUNCTION people_links_never_moved() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'a link is ended and made again, but never moved'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'people_links_never_moved';
    END $$;
    CREATE OR REPLACE TRIGGER people_links_never_moved BEFORE UPDATE ON people_links
    FOR EACH ROW WHEN (OLD.guild_id <> NEW.guild_id OR OLD.discord_id <> NEW.discord_id
                       OR OLD.platform <> NEW.platform OR OLD.viewer_id <> NEW.viewer_id)
    EXECUTE FUNCTION people_links_never_moved();;

CREATE TABLE people_tombstones (
	guild_id BIGINT NOT NULL, 
	platform TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	forgotten_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	viewer_id BIGINT NOT NULL, 
	CONSTRAINT people_tombstones_one_per_account PRIMARY KEY (guild_id, platform, digest), 
	CONSTRAINT people_tombstones_one_per_viewer UNIQUE (guild_id, viewer_id), 
	CONSTRAINT people_tombstones_viewer FOREIGN KEY(guild_id, viewer_id) REFERENCES people_viewers (guild_id, viewer_id)
);

COMMENT ON COLUMN people_tombstones.digest IS 'of the platform''s user id, keyed';

ALTER TABLE people_tombstones ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE people_exclusions (
	guild_id BIGINT NOT NULL, 
	scope TEXT NOT NULL, 
	cause TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	excluded_by BIGINT, 
	excluded_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	until TIMESTAMP WITH TIME ZONE, 
	viewer_id BIGINT NOT NULL, 
	CONSTRAINT people_exclusions_once PRIMARY KEY (guild_id, viewer_id, scope, cause), 
	CONSTRAINT people_exclusions_viewer FOREIGN KEY(guild_id, viewer_id) REFERENCES people_viewers (guild_id, viewer_id), 
	CONSTRAINT people_exclusions_scope CHECK (scope IN ('everything', 'watchtime', 'slot_calls', 'raffle', 'vips')), 
	CONSTRAINT people_exclusions_cause CHECK (cause IN ('admin', 'name', 'kick_ban', 'discord_ban'))
);

COMMENT ON COLUMN people_exclusions.excluded_by IS 'Discord id; empty when it came with a ban or a name';

COMMENT ON COLUMN people_exclusions.until IS 'the end of a time-out';

ALTER TABLE people_exclusions ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE people_notes (
	guild_id BIGINT NOT NULL, 
	id BIGINT GENERATED ALWAYS AS IDENTITY, 
	viewer_id BIGINT NOT NULL, 
	text TEXT NOT NULL, 
	written_by BIGINT NOT NULL, 
	written_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT people_notes_key PRIMARY KEY (guild_id, id), 
	CONSTRAINT people_notes_viewer FOREIGN KEY(guild_id, viewer_id) REFERENCES people_viewers (guild_id, viewer_id), 
	CONSTRAINT people_notes_length CHECK (char_length(text) BETWEEN 1 AND 500)
);

CREATE INDEX people_notes_of_viewer ON people_notes (guild_id, viewer_id, id);

COMMENT ON COLUMN people_notes.written_by IS 'Discord id of the moderator';

ALTER TABLE people_notes ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE wagers_accounts (
	guild_id BIGINT NOT NULL, 
	account_id BIGINT GENERATED ALWAYS AS IDENTITY, 
	platform TEXT NOT NULL, 
	linked_by BIGINT NOT NULL, 
	username TEXT NOT NULL, 
	folded_name TEXT NOT NULL, 
	linked_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	verified_at TIMESTAMP WITH TIME ZONE, 
	verified_by BIGINT, 
	campaign_code TEXT, 
	total NUMERIC, 
	seen_at TIMESTAMP WITH TIME ZONE, 
	highest NUMERIC, 
	role_id BIGINT, 
	role_holder BIGINT, 
	role_refused_at TIMESTAMP WITH TIME ZONE, 
	ended_at TIMESTAMP WITH TIME ZONE, 
	ended_by BIGINT, 
	viewer_id BIGINT NOT NULL, 
	CONSTRAINT wagers_accounts_key PRIMARY KEY (guild_id, account_id), 
	CONSTRAINT wagers_accounts_viewer FOREIGN KEY(guild_id, viewer_id) REFERENCES people_viewers (guild_id, viewer_id), 
	CONSTRAINT wagers_accounts_verified_by_a_reading CHECK (num_nulls(verified_at, verified_by, campaign_code, total, highest, seen_at) IN (0, 6)), 
	CONSTRAINT wagers_accounts_total CHECK (total >= 0), 
	CONSTRAINT wagers_accounts_highest CHECK (total <= highest), 
	CONSTRAINT wagers_accounts_role CHECK (num_nulls(role_id, role_holder) <> 1), 
	CONSTRAINT wagers_accounts_ended_by_somebody CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);

CREATE INDEX wagers_accounts_of_viewer ON wagers_accounts (guild_id, viewer_id);

CREATE UNIQUE INDEX wagers_accounts_one_a_name ON wagers_accounts (guild_id, platform, folded_name) WHERE ended_at IS NULL;

CREATE UNIQUE INDEX wagers_accounts_one_a_viewer ON wagers_accounts (guild_id, platform, viewer_id) WHERE ended_at IS NULL;

COMMENT ON COLUMN wagers_accounts.platform IS 'such as shuffle';

COMMENT ON COLUMN wagers_accounts.linked_by IS 'Discord id of the member who linked it; once unlinked, of its last owner';

COMMENT ON COLUMN wagers_accounts.username IS 'as written by whoever linked it';

COMMENT ON COLUMN wagers_accounts.folded_name IS 'for comparing';

COMMENT ON COLUMN wagers_accounts.verified_at IS 'wagers after that count';

COMMENT ON COLUMN wagers_accounts.verified_by IS 'Discord id of the admin';

COMMENT ON COLUMN wagers_accounts.campaign_code IS 'folded; under which the total was read';

COMMENT ON COLUMN wagers_accounts.total IS 'wagered in all, by the newest reading';

COMMENT ON COLUMN wagers_accounts.seen_at IS 'time of the newest reading';

COMMENT ON COLUMN wagers_accounts.highest IS 'the highest total ever reported under this code; only what exceeds it counts';

COMMENT ON COLUMN wagers_accounts.role_id IS 'the role that was assigned, until it is removed';

COMMENT ON COLUMN wagers_accounts.role_holder IS 'Discord id of the member who got that role';

COMMENT ON COLUMN wagers_accounts.role_refused_at IS 'when Discord refused to assign the role';

COMMENT ON COLUMN wagers_accounts.ended_at IS 'when it was unlinked';

COMMENT ON COLUMN wagers_accounts.ended_by IS 'Discord id of who unlinked it';

ALTER TABLE wagers_accounts ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE bonus_hunts (
	guild_id BIGINT NOT NULL, 
	number INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	currency TEXT NOT NULL, 
	digits INTEGER NOT NULL, 
	start_cost NUMERIC(24, 8) NOT NULL, 
	state TEXT NOT NULL, 
	started_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	finished_at TIMESTAMP WITH TIME ZONE, 
	guesses_from TIMESTAMP WITH TIME ZONE, 
	guesses_until TIMESTAMP WITH TIME ZONE, 
	payout_known BOOLEAN DEFAULT false NOT NULL, 
	winning_guess NUMERIC(24, 8), 
	wins INTEGER NOT NULL, 
	viewer_id BIGINT, 
	channel_id BIGINT NOT NULL, 
	message TEXT NOT NULL, 
	version INTEGER NOT NULL, 
	CONSTRAINT bonus_hunts_numbered PRIMARY KEY (guild_id, number), 
	CONSTRAINT bonus_hunts_guild FOREIGN KEY(guild_id) REFERENCES guilds (guild_id), 
	CONSTRAINT bonus_hunts_winner FOREIGN KEY(guild_id, viewer_id) REFERENCES people_viewers (guild_id, viewer_id), 
	CONSTRAINT bonus_hunts_state CHECK (state IN ('collecting', 'opening', 'finished')), 
	CONSTRAINT bonus_hunts_cost CHECK (start_cost >= 0)
);

CREATE UNIQUE INDEX bonus_hunts_one_in_progress ON bonus_hunts (guild_id) WHERE state <> 'finished';

COMMENT ON COLUMN bonus_hunts.number IS 'counts up within the server';

COMMENT ON COLUMN bonus_hunts.name IS 'as a moderator chose it';

COMMENT ON COLUMN bonus_hunts.currency IS 'its code, such as EUR';

COMMENT ON COLUMN bonus_hunts.digits IS 'decimals of the currency';

COMMENT ON COLUMN bonus_hunts.guesses_from IS 'when guessing was opened last';

COMMENT ON COLUMN bonus_hunts.guesses_until IS 'when it was closed; empty while it is open';

COMMENT ON COLUMN bonus_hunts.payout_known IS 'a payout was noted, even if it was taken back';

COMMENT ON COLUMN bonus_hunts.wins IS 'how often a winner was announced';

COMMENT ON COLUMN bonus_hunts.channel_id IS 'of the message; 0 without one';

COMMENT ON COLUMN bonus_hunts.message IS 'random: one that is posted again is a new one';

COMMENT ON COLUMN bonus_hunts.version IS 'counts the changes';

ALTER TABLE bonus_hunts ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE tiers_known (
	guild_id BIGINT NOT NULL, 
	source TEXT NOT NULL, 
	tier TEXT NOT NULL, 
	at TIMESTAMP WITH TIME ZONE NOT NULL, 
	viewer_id BIGINT NOT NULL, 
	CONSTRAINT tiers_known_one_a_source PRIMARY KEY (guild_id, viewer_id, source), 
	CONSTRAINT tiers_known_viewer FOREIGN KEY(guild_id, viewer_id) REFERENCES people_viewers (guild_id, viewer_id), 
	CONSTRAINT tiers_known_source CHECK (source IN ('list', 'event', 'notice', 'streamelements', 'widget')), 
	CONSTRAINT tiers_known_tier CHECK (tier IN ('none', 'subscriber', 'prime', '1000', '2000', '3000'))
);

CREATE INDEX tiers_known_by_age ON tiers_known (guild_id, at);

ALTER TABLE tiers_known ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE watchtime_days (
	guild_id BIGINT NOT NULL, 
	viewer_id BIGINT NOT NULL, 
	day DATE NOT NULL, 
	platform TEXT NOT NULL, 
	present TSTZMULTIRANGE NOT NULL, 
	spoke_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	counted TSTZMULTIRANGE, 
	watched INTERVAL DEFAULT '0' NOT NULL, 
	CONSTRAINT watchtime_days_once PRIMARY KEY (guild_id, viewer_id, day), 
	CONSTRAINT watchtime_days_viewer FOREIGN KEY(guild_id, viewer_id) REFERENCES people_viewers (guild_id, viewer_id), 
	CONSTRAINT watchtime_days_fit_in_a_day CHECK (watched BETWEEN INTERVAL '0' AND INTERVAL '24 hours')
)
 WITH (fillfactor = 50);

CREATE INDEX watchtime_days_by_day ON watchtime_days (guild_id, day);

COMMENT ON COLUMN watchtime_days.day IS 'in UTC';

COMMENT ON COLUMN watchtime_days.platform IS 'where the viewer chats';

COMMENT ON COLUMN watchtime_days.present IS 'union of the windows of this day';

COMMENT ON COLUMN watchtime_days.spoke_at IS 'the newest message';

COMMENT ON COLUMN watchtime_days.counted IS 'the part of present * live that a daily limit and the other accounts of the person left; empty where nothing was cut';

COMMENT ON COLUMN watchtime_days.watched IS 'length of what counts, to the microsecond; always computed whole, never added';

ALTER TABLE watchtime_days ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE watchtime_adjustments (
	guild_id BIGINT NOT NULL, 
	key TEXT NOT NULL, 
	viewer_id BIGINT NOT NULL, 
	amount INTERVAL NOT NULL, 
	reason TEXT NOT NULL, 
	actor BIGINT NOT NULL, 
	at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT watchtime_adjustments_once PRIMARY KEY (guild_id, key), 
	CONSTRAINT watchtime_adjustments_viewer FOREIGN KEY(guild_id, viewer_id) REFERENCES people_viewers (guild_id, viewer_id), 
	CONSTRAINT watchtime_adjustments_change_something CHECK (amount <> INTERVAL '0'), 
	CONSTRAINT watchtime_adjustments_have_a_reason CHECK (reason <> '')
);

CREATE INDEX watchtime_adjustments_by_time ON watchtime_adjustments (guild_id, at);

CREATE INDEX watchtime_adjustments_of_a_viewer ON watchtime_adjustments (guild_id, viewer_id, at);

COMMENT ON COLUMN watchtime_adjustments.key IS 'of the command, so that it is counted once';

COMMENT ON COLUMN watchtime_adjustments.amount IS 'negative takes away';

COMMENT ON COLUMN watchtime_adjustments.actor IS 'Discord id of the admin';

ALTER TABLE watchtime_adjustments ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE watchtime_totals (
	guild_id BIGINT NOT NULL, 
	viewer_id BIGINT NOT NULL, 
	credited INTERVAL DEFAULT '0' NOT NULL, 
	adjusted INTERVAL DEFAULT '0' NOT NULL, 
	watched INTERVAL GENERATED ALWAYS AS (GREATEST((credited + adjusted), '00:00:00'::interval)) STORED NOT NULL, 
	step INTEGER GENERATED ALWAYS AS (ceil(sqrt((date_part('epoch'::text, GREATEST((credited + adjusted), '00:00:00'::interval)) / (15)::double precision)))::integer) STORED NOT NULL, 
	CONSTRAINT watchtime_totals_once PRIMARY KEY (guild_id, viewer_id), 
	CONSTRAINT watchtime_totals_viewer FOREIGN KEY(guild_id, viewer_id) REFERENCES people_viewers (guild_id, viewer_id)
)
 WITH (fillfactor = 50);

CREATE INDEX watchtime_totals_by_step ON watchtime_totals (guild_id, step);

COMMENT ON COLUMN watchtime_totals.credited IS 'sum of the days'' watched';

COMMENT ON COLUMN watchtime_totals.adjusted IS 'sum of the adjustments';

COMMENT ON COLUMN watchtime_totals.watched IS 'never below zero, also when a stream turns out shorter after time was taken away';

COMMENT ON COLUMN watchtime_totals.step IS 'a coarse measure of watched that never falls while it rises; 0 where that is 0';

ALTER TABLE watchtime_totals ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE raffle_announcements (
	guild_id BIGINT NOT NULL, 
	id BIGINT GENERATED ALWAYS AS IDENTITY, 
	period INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	at TIMESTAMP WITH TIME ZONE NOT NULL, 
	planned_at TIMESTAMP WITH TIME ZONE, 
	snapshot_hash TEXT, 
	chain TEXT, 
	round BIGINT, 
	round_at TIMESTAMP WITH TIME ZONE, 
	CONSTRAINT raffle_announcements_key PRIMARY KEY (guild_id, id), 
	CONSTRAINT raffle_announcements_period FOREIGN KEY(guild_id, period) REFERENCES raffle_periods (guild_id, number), 
	CONSTRAINT raffle_announcements_kind CHECK (kind IN ('opened', 'planned', 'frozen', 'found')), 
	CONSTRAINT raffle_announcements_complete CHECK ((kind IN ('frozen', 'found')) = (snapshot_hash IS NOT NULL) AND (kind IN ('frozen', 'found')) = (planned_at IS NULL))
);

CREATE INDEX raffle_announcements_of_period ON raffle_announcements (guild_id, period, id);

COMMENT ON COLUMN raffle_announcements.planned_at IS 'when the list is to be frozen; empty once it is';

COMMENT ON COLUMN raffle_announcements.snapshot_hash IS 'of a frozen list, in hex';

COMMENT ON COLUMN raffle_announcements.chain IS 'name of the beacon''s chain';

COMMENT ON COLUMN raffle_announcements.round_at IS 'when it is published';

ALTER TABLE raffle_announcements ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE raffle_entries (
	guild_id BIGINT NOT NULL, 
	id BIGINT GENERATED ALWAYS AS IDENTITY, 
	period INTEGER NOT NULL, 
	source TEXT NOT NULL, 
	amount BIGINT NOT NULL, 
	source_key TEXT NOT NULL, 
	reason TEXT DEFAULT '' NOT NULL, 
	actor BIGINT, 
	at TIMESTAMP WITH TIME ZONE NOT NULL, 
	posted_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	viewer_id BIGINT NOT NULL, 
	CONSTRAINT raffle_entries_key PRIMARY KEY (guild_id, id), 
	CONSTRAINT raffle_entries_once UNIQUE (guild_id, source_key), 
	CONSTRAINT raffle_entries_period FOREIGN KEY(guild_id, period) REFERENCES raffle_periods (guild_id, number), 
	CONSTRAINT raffle_entries_viewer FOREIGN KEY(guild_id, viewer_id) REFERENCES people_viewers (guild_id, viewer_id), 
	CONSTRAINT raffle_entries_source CHECK (source IN ('watchtime', 'gifted_sub', 'wager', 'hunt', 'points', 'bonus', 'correction', 'forgotten')), 
	CONSTRAINT raffle_entries_amount CHECK (amount <> 0)
);

CREATE INDEX raffle_entries_by_time ON raffle_entries (guild_id, period, at, id);

CREATE INDEX raffle_entries_of_viewer ON raffle_entries (guild_id, period, viewer_id, id);

COMMENT ON COLUMN raffle_entries.amount IS 'tickets; negative takes away';

COMMENT ON COLUMN raffle_entries.source_key IS 'natural key of the cause, counted once';

COMMENT ON COLUMN raffle_entries.actor IS 'Discord id of the admin, if one did it';

COMMENT ON COLUMN raffle_entries.at IS 'when it was earned';

ALTER TABLE raffle_entries ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE raffle_balances (
	guild_id BIGINT NOT NULL, 
	period INTEGER NOT NULL, 
	tickets BIGINT NOT NULL, 
	left_out BOOLEAN DEFAULT false NOT NULL, 
	listed_as BIGINT, 
	viewer_id BIGINT NOT NULL, 
	CONSTRAINT raffle_balances_once PRIMARY KEY (guild_id, period, viewer_id), 
	CONSTRAINT raffle_balances_period FOREIGN KEY(guild_id, period) REFERENCES raffle_periods (guild_id, number), 
	CONSTRAINT raffle_balances_viewer FOREIGN KEY(guild_id, viewer_id) REFERENCES people_viewers (guild_id, viewer_id), 
	CONSTRAINT raffle_balances_never_below_zero CHECK (tickets >= 0)
);

COMMENT ON COLUMN raffle_balances.tickets IS 'the sum of the viewer''s entries';

COMMENT ON COLUMN raffle_balances.left_out IS 'not in the frozen list, because not allowed to win at that moment';

COMMENT ON COLUMN raffle_balances.listed_as IS 'whose line of the frozen list has these tickets; empty if it is the viewer''s own';

ALTER TABLE raffle_balances ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE raffle_source_totals (
	guild_id BIGINT NOT NULL, 
	period INTEGER NOT NULL, 
	source TEXT NOT NULL, 
	tickets BIGINT NOT NULL, 
	entries INTEGER NOT NULL, 
	viewer_id BIGINT NOT NULL, 
	CONSTRAINT raffle_source_totals_once PRIMARY KEY (guild_id, period, source, viewer_id), 
	CONSTRAINT raffle_source_totals_period FOREIGN KEY(guild_id, period) REFERENCES raffle_periods (guild_id, number), 
	CONSTRAINT raffle_source_totals_viewer FOREIGN KEY(guild_id, viewer_id) REFERENCES people_viewers (guild_id, viewer_id), 
	CONSTRAINT raffle_source_totals_source CHECK (source IN ('watchtime', 'gifted_sub', 'wager', 'hunt', 'points', 'bonus', 'correction', 'forgotten'))
);

COMMENT ON COLUMN raffle_source_totals.tickets IS 'the sum of the entries';

COMMENT ON COLUMN raffle_source_totals.entries IS 'how many there are';

ALTER TABLE raffle_source_totals ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE raffle_gifts (
	guild_id BIGINT NOT NULL, 
	key TEXT NOT NULL, 
	viewer_id BIGINT, 
	drop TEXT NOT NULL, 
	at TIMESTAMP WITH TIME ZONE NOT NULL, 
	credited_in INTEGER, 
	tickets BIGINT, 
	voided_at TIMESTAMP WITH TIME ZONE, 
	announced BOOLEAN DEFAULT false NOT NULL, 
	CONSTRAINT raffle_gifts_once PRIMARY KEY (guild_id, key), 
	CONSTRAINT raffle_gifts_guild FOREIGN KEY(guild_id) REFERENCES guilds (guild_id), 
	CONSTRAINT raffle_gifts_viewer FOREIGN KEY(guild_id, viewer_id) REFERENCES people_viewers (guild_id, viewer_id), 
	CONSTRAINT raffle_gifts_period FOREIGN KEY(guild_id, credited_in) REFERENCES raffle_periods (guild_id, number), 
	CONSTRAINT raffle_gifts_credited_with_tickets CHECK ((credited_in IS NULL) = (tickets IS NULL))
);

CREATE INDEX raffle_gifts_newest ON raffle_gifts (guild_id, at);

CREATE INDEX raffle_gifts_of_drop ON raffle_gifts (guild_id, drop);

CREATE INDEX raffle_gifts_of_viewer ON raffle_gifts (guild_id, viewer_id, at);

CREATE INDEX raffle_gifts_unannounced ON raffle_gifts (at) WHERE NOT announced;

CREATE INDEX raffle_gifts_waiting ON raffle_gifts (guild_id, at) WHERE credited_in IS NULL;

COMMENT ON COLUMN raffle_gifts.key IS 'hash of the natural key of one gifted sub';

COMMENT ON COLUMN raffle_gifts.viewer_id IS 'who gave it; empty for an anonymous gift';

COMMENT ON COLUMN raffle_gifts.drop IS 'hash; the same for what was given at one instant';

COMMENT ON COLUMN raffle_gifts.credited_in IS 'the raffle that took it; empty while none has';

COMMENT ON COLUMN raffle_gifts.tickets IS 'what it was worth then';

COMMENT ON COLUMN raffle_gifts.voided_at IS 'it did not happen, or its giver was forgotten';

ALTER TABLE raffle_gifts ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE raffle_rates (
	guild_id BIGINT NOT NULL, 
	period INTEGER NOT NULL, 
	source TEXT NOT NULL, 
	valid_from TIMESTAMP WITH TIME ZONE NOT NULL, 
	tickets BIGINT NOT NULL, 
	CONSTRAINT raffle_rates_one_at_a_time PRIMARY KEY (guild_id, period, source, valid_from), 
	CONSTRAINT raffle_rates_period FOREIGN KEY(guild_id, period) REFERENCES raffle_periods (guild_id, number)
);

COMMENT ON COLUMN raffle_rates.tickets IS 'for an hour, or whatever the unit is';

ALTER TABLE raffle_rates ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE raffle_draws (
	guild_id BIGINT NOT NULL, 
	period INTEGER NOT NULL, 
	snapshot TEXT NOT NULL, 
	snapshot_hash TEXT NOT NULL, 
	entrants INTEGER NOT NULL, 
	tickets BIGINT NOT NULL, 
	left_out INTEGER NOT NULL, 
	frozen_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	frozen_by BIGINT, 
	channel_id BIGINT NOT NULL, 
	claim_minutes INTEGER NOT NULL, 
	randomness TEXT, 
	signature TEXT, 
	given_up_by BIGINT, 
	given_up_at TIMESTAMP WITH TIME ZONE, 
	chain TEXT, 
	round BIGINT, 
	round_at TIMESTAMP WITH TIME ZONE, 
	CONSTRAINT raffle_draws_once PRIMARY KEY (guild_id, period), 
	CONSTRAINT raffle_draws_period FOREIGN KEY(guild_id, period) REFERENCES raffle_periods (guild_id, number), 
	CONSTRAINT raffle_draws_one_source_of_chance CHECK ((randomness IS NULL) = (signature IS NULL) AND (randomness IS NULL OR round IS NOT NULL) AND num_nonnulls(randomness, given_up_at) < 2)
);

COMMENT ON COLUMN raffle_draws.snapshot_hash IS 'SHA-256 of the snapshot, in hex';

COMMENT ON COLUMN raffle_draws.left_out IS 'holders who were not allowed to win';

COMMENT ON COLUMN raffle_draws.frozen_by IS 'empty when it was frozen automatically';

COMMENT ON COLUMN raffle_draws.channel_id IS 'Discord channel of its posts';

COMMENT ON COLUMN raffle_draws.claim_minutes IS 'how long a winner has, as announced';

COMMENT ON COLUMN raffle_draws.randomness IS 'the round''s, in hex';

COMMENT ON COLUMN raffle_draws.signature IS 'the round''s, in hex';

COMMENT ON COLUMN raffle_draws.given_up_by IS 'who drew without waiting for the round';

COMMENT ON COLUMN raffle_draws.chain IS 'name of the beacon''s chain';

COMMENT ON COLUMN raffle_draws.round_at IS 'when it is published';

ALTER TABLE raffle_draws ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE roles_grants (
	guild_id BIGINT NOT NULL, 
	discord_id BIGINT NOT NULL, 
	role_id BIGINT NOT NULL, 
	state TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	number BIGINT NOT NULL, 
	at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT roles_grants_once PRIMARY KEY (guild_id, discord_id, role_id), 
	CONSTRAINT roles_grants_reward FOREIGN KEY(guild_id, role_id) REFERENCES roles_rewards (guild_id, role_id) ON DELETE CASCADE, 
	CONSTRAINT roles_grants_state CHECK (state IN ('giving', 'given', 'taking', 'taken', 'found', 'away')), 
	CONSTRAINT roles_grants_numbered CHECK (number > 0 OR state NOT IN ('giving', 'given', 'taking'))
);

CREATE UNIQUE INDEX roles_grants_by_number ON roles_grants (guild_id, number) WHERE number > 0;

CREATE INDEX roles_grants_by_role ON roles_grants (guild_id, role_id, state);

COMMENT ON COLUMN roles_grants.reason IS 'of the newest change';

COMMENT ON COLUMN roles_grants.number IS 'of the newest change; 0 if there was none';

ALTER TABLE roles_grants ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE slot_calls (
	guild_id BIGINT NOT NULL, 
	number INTEGER NOT NULL, 
	slot TEXT NOT NULL, 
	provider TEXT DEFAULT '' NOT NULL, 
	suggestion TEXT DEFAULT '' NOT NULL, 
	is_first BOOLEAN DEFAULT false NOT NULL, 
	platform TEXT NOT NULL, 
	message_id TEXT NOT NULL, 
	called_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	channel_id BIGINT NOT NULL, 
	state TEXT DEFAULT 'open' NOT NULL, 
	closed_at TIMESTAMP WITH TIME ZONE, 
	closed_by BIGINT, 
	picked_at TIMESTAMP WITH TIME ZONE, 
	picked_in BIGINT, 
	bet NUMERIC(24, 8), 
	win NUMERIC(24, 8), 
	viewer_id BIGINT NOT NULL, 
	CONSTRAINT slot_calls_numbered PRIMARY KEY (guild_id, number), 
	CONSTRAINT slot_calls_once UNIQUE (guild_id, platform, message_id), 
	CONSTRAINT slot_calls_viewer FOREIGN KEY(guild_id, viewer_id) REFERENCES people_viewers (guild_id, viewer_id), 
	CONSTRAINT slot_calls_state CHECK (state IN ('open', 'done', 'skipped', 'cancelled', 'hunt'))
);

CREATE INDEX slot_calls_by_viewer ON slot_calls (guild_id, viewer_id, called_at DESC);

CREATE INDEX slot_calls_open ON slot_calls (guild_id, number) WHERE state = 'open';

COMMENT ON COLUMN slot_calls.number IS 'counts up within the server';

COMMENT ON COLUMN slot_calls.slot IS 'the game''s title, or what was typed';

COMMENT ON COLUMN slot_calls.suggestion IS 'a similar game, if none is meant for certain';

COMMENT ON COLUMN slot_calls.is_first IS 'comes before the others';

COMMENT ON COLUMN slot_calls.message_id IS 'chat message that made the call';

COMMENT ON COLUMN slot_calls.channel_id IS 'Discord channel of the post; 0 without one';

COMMENT ON COLUMN slot_calls.closed_by IS 'Discord id of the moderator';

COMMENT ON COLUMN slot_calls.picked_at IS 'is played next';

COMMENT ON COLUMN slot_calls.picked_in IS 'Discord channel in which that was posted';

ALTER TABLE slot_calls ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE vips_sessions (
	guild_id BIGINT NOT NULL, 
	number INTEGER NOT NULL, 
	twitch_user_id BIGINT NOT NULL, 
	channel_id BIGINT NOT NULL, 
	source TEXT NOT NULL, 
	state TEXT NOT NULL, 
	minutes INTEGER, 
	asked_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	started_at TIMESTAMP WITH TIME ZONE, 
	ends_at TIMESTAMP WITH TIME ZONE, 
	ended_at TIMESTAMP WITH TIME ZONE, 
	end_reason TEXT DEFAULT '' NOT NULL, 
	granted_by BIGINT NOT NULL, 
	ended_by BIGINT, 
	purchases TEXT[] DEFAULT '{}' NOT NULL, 
	warned_at TIMESTAMP WITH TIME ZONE, 
	is_unsure BOOLEAN DEFAULT false NOT NULL, 
	called_at TIMESTAMP WITH TIME ZONE, 
	trouble TEXT DEFAULT '' NOT NULL, 
	attempts INTEGER DEFAULT '0' NOT NULL, 
	try_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	viewer_id BIGINT NOT NULL, 
	CONSTRAINT vips_sessions_numbered PRIMARY KEY (guild_id, number), 
	CONSTRAINT vips_sessions_viewer FOREIGN KEY(guild_id, viewer_id) REFERENCES people_viewers (guild_id, viewer_id), 
	CONSTRAINT vips_sessions_source CHECK (source IN ('reward', 'manual', 'adopted', 'subscription', 'bits', 'raffle', 'watchtime', 'points')), 
	CONSTRAINT vips_sessions_state CHECK (state IN ('granting', 'active', 'ending', 'ended', 'failed')), 
	CONSTRAINT vips_sessions_reason CHECK (end_reason IN ('', 'expired', 'revoked', 'removed_on_twitch', 'moderator', 'unsubscribed', 'withdrawn', 'left', 'disconnected', 'forgotten', 'already_vip', 'broadcaster', 'unknown', 'refused', 'full', 'locked')), 
	CONSTRAINT vips_sessions_end CHECK (ends_at IS NOT NULL OR minutes IS NULL OR state IN ('granting', 'failed', 'ended'))
);

CREATE INDEX vips_sessions_due ON vips_sessions (guild_id, try_at) WHERE state IN ('granting', 'ending');

CREATE INDEX vips_sessions_expiring ON vips_sessions (guild_id, ends_at) WHERE state = 'active';

CREATE INDEX vips_sessions_of_channel ON vips_sessions (channel_id, twitch_user_id);

CREATE UNIQUE INDEX vips_sessions_one_live ON vips_sessions (guild_id, viewer_id) WHERE state IN ('granting', 'active', 'ending');

COMMENT ON COLUMN vips_sessions.number IS 'counts up within the server';

COMMENT ON COLUMN vips_sessions.channel_id IS 'of the Twitch channel';

COMMENT ON COLUMN vips_sessions.minutes IS 'in all; empty while somebody is VIP as long as they subscribe';

COMMENT ON COLUMN vips_sessions.asked_at IS 'when it was decided';

COMMENT ON COLUMN vips_sessions.started_at IS 'when Twitch confirmed it';

COMMENT ON COLUMN vips_sessions.granted_by IS 'Discord id; 0: the bot';

COMMENT ON COLUMN vips_sessions.purchases IS 'keys of purchases with points that Twitch has not confirmed yet';

COMMENT ON COLUMN vips_sessions.is_unsure IS 'a call to Twitch was begun, and may have had its effect';

COMMENT ON COLUMN vips_sessions.called_at IS 'when the last call to Twitch was begun';

COMMENT ON COLUMN vips_sessions.trouble IS 'why the calls to Twitch fail';

COMMENT ON COLUMN vips_sessions.try_at IS 'of the next call to Twitch';

ALTER TABLE vips_sessions ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE vips_redemptions (
	guild_id BIGINT NOT NULL, 
	redemption_id TEXT NOT NULL, 
	reward INTEGER NOT NULL, 
	cost INTEGER NOT NULL, 
	minutes INTEGER DEFAULT '0' NOT NULL, 
	redeemed_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	state TEXT NOT NULL, 
	result TEXT DEFAULT '' NOT NULL, 
	reason TEXT DEFAULT '' NOT NULL, 
	session INTEGER, 
	is_final BOOLEAN DEFAULT false NOT NULL, 
	decided_at TIMESTAMP WITH TIME ZONE, 
	trouble TEXT DEFAULT '' NOT NULL, 
	attempts INTEGER DEFAULT '0' NOT NULL, 
	try_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	viewer_id BIGINT NOT NULL, 
	CONSTRAINT vips_redemptions_once PRIMARY KEY (guild_id, redemption_id), 
	CONSTRAINT vips_redemptions_viewer FOREIGN KEY(guild_id, viewer_id) REFERENCES people_viewers (guild_id, viewer_id), 
	CONSTRAINT vips_redemptions_state CHECK (state IN ('received', 'granting', 'granted', 'fulfilled', 'refunding', 'refunded', 'closed')), 
	CONSTRAINT vips_redemptions_result CHECK (result IN ('', 'granted', 'extended'))
);

CREATE INDEX vips_redemptions_due ON vips_redemptions (guild_id, try_at) WHERE state IN ('received', 'granted', 'refunding');

CREATE INDEX vips_redemptions_of_session ON vips_redemptions (guild_id, session) WHERE state = 'granting';

CREATE INDEX vips_redemptions_of_viewer ON vips_redemptions (guild_id, viewer_id, redeemed_at);

COMMENT ON COLUMN vips_redemptions.reward IS 'its number';

COMMENT ON COLUMN vips_redemptions.minutes IS 'of VIP, once it is decided';

COMMENT ON COLUMN vips_redemptions.reason IS 'why it is refunded; see `rules.Reason`';

COMMENT ON COLUMN vips_redemptions.session IS 'number of the session';

COMMENT ON COLUMN vips_redemptions.is_final IS 'it skipped the queue: the points are spent and cannot be returned';

COMMENT ON COLUMN vips_redemptions.trouble IS 'why the calls to Twitch fail';

COMMENT ON COLUMN vips_redemptions.try_at IS 'of the next call to Twitch';

ALTER TABLE vips_redemptions ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE vips_activity (
	guild_id BIGINT NOT NULL, 
	number INTEGER NOT NULL, 
	at TIMESTAMP WITH TIME ZONE NOT NULL, 
	act TEXT NOT NULL, 
	actor BIGINT NOT NULL, 
	by_streamer BOOLEAN DEFAULT false NOT NULL, 
	session INTEGER, 
	source TEXT DEFAULT '' NOT NULL, 
	minutes INTEGER, 
	ends_at TIMESTAMP WITH TIME ZONE, 
	reward INTEGER, 
	redemption_id TEXT DEFAULT '' NOT NULL, 
	cost INTEGER DEFAULT '0' NOT NULL, 
	reason TEXT DEFAULT '' NOT NULL, 
	viewer_id BIGINT, 
	CONSTRAINT vips_activity_numbered PRIMARY KEY (guild_id, number), 
	CONSTRAINT vips_activity_viewer FOREIGN KEY(guild_id, viewer_id) REFERENCES people_viewers (guild_id, viewer_id), 
	CONSTRAINT vips_activity_act CHECK (act IN ('granted', 'extended', 'ended', 'failed', 'adopted', 'kept', 'refunded', 'lost', 'warned'))
);

CREATE INDEX vips_activity_by_time ON vips_activity (guild_id, at);

CREATE INDEX vips_activity_of_viewer ON vips_activity (guild_id, viewer_id, number);

COMMENT ON COLUMN vips_activity.number IS 'counts up within the server';

COMMENT ON COLUMN vips_activity.actor IS 'Discord id; 0: the bot';

COMMENT ON COLUMN vips_activity.by_streamer IS 'the streamer did it, signed in with Twitch; the actor is 0 then';

COMMENT ON COLUMN vips_activity.source IS 'of the session';

COMMENT ON COLUMN vips_activity.minutes IS 'that were added';

COMMENT ON COLUMN vips_activity.reward IS 'number of the reward';

COMMENT ON COLUMN vips_activity.cost IS 'in channel points';

ALTER TABLE vips_activity ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE vips_known (
	guild_id BIGINT NOT NULL, 
	viewer_id BIGINT NOT NULL, 
	twitch_user_id BIGINT NOT NULL, 
	seen_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT vips_known_once PRIMARY KEY (guild_id, viewer_id), 
	CONSTRAINT vips_known_viewer FOREIGN KEY(guild_id, viewer_id) REFERENCES people_viewers (guild_id, viewer_id)
);

COMMENT ON COLUMN vips_known.seen_at IS 'when they first were on the list';

ALTER TABLE vips_known ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE points_entries (
	guild_id BIGINT NOT NULL, 
	id BIGINT GENERATED ALWAYS AS IDENTITY, 
	key TEXT NOT NULL, 
	part INTEGER NOT NULL, 
	account TEXT NOT NULL, 
	bucket TEXT NOT NULL, 
	amount BIGINT NOT NULL, 
	season INTEGER NOT NULL, 
	day DATE NOT NULL, 
	reason TEXT DEFAULT '' NOT NULL, 
	actor BIGINT, 
	at TIMESTAMP WITH TIME ZONE NOT NULL, 
	posted_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	viewer_id BIGINT NOT NULL, 
	CONSTRAINT points_entries_key PRIMARY KEY (guild_id, id), 
	CONSTRAINT points_entries_once UNIQUE (guild_id, key, part), 
	CONSTRAINT points_entries_viewer FOREIGN KEY(guild_id, viewer_id) REFERENCES people_viewers (guild_id, viewer_id), 
	CONSTRAINT points_entries_bucket CHECK (bucket IN ('earned', 'won', 'paid')), 
	CONSTRAINT points_entries_amount CHECK (amount <> 0)
);

CREATE INDEX points_entries_by_account ON points_entries (guild_id, account, season);

CREATE INDEX points_entries_of_viewer ON points_entries (guild_id, viewer_id, id);

COMMENT ON COLUMN points_entries.key IS 'natural key of the cause, counted once';

COMMENT ON COLUMN points_entries.part IS 'counts from 0 where one cause moves points of several buckets or accounts';

COMMENT ON COLUMN points_entries.account IS 'the house account, such as watchtime or heist';

COMMENT ON COLUMN points_entries.amount IS 'of the viewer; negative takes away';

COMMENT ON COLUMN points_entries.day IS 'in the server''s time zone then';

COMMENT ON COLUMN points_entries.actor IS 'Discord id of the admin, if one did it';

ALTER TABLE points_entries ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE points_balances (
	guild_id BIGINT NOT NULL, 
	bucket TEXT NOT NULL, 
	points BIGINT NOT NULL, 
	viewer_id BIGINT NOT NULL, 
	CONSTRAINT points_balances_once PRIMARY KEY (guild_id, viewer_id, bucket), 
	CONSTRAINT points_balances_viewer FOREIGN KEY(guild_id, viewer_id) REFERENCES people_viewers (guild_id, viewer_id), 
	CONSTRAINT points_balances_bucket CHECK (bucket IN ('earned', 'won', 'paid')), 
	CONSTRAINT points_balances_never_below_zero CHECK (points >= 0)
)
 WITH (fillfactor = 70);

COMMENT ON COLUMN points_balances.points IS 'the sum of the entries';

ALTER TABLE points_balances ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE points_totals (
	guild_id BIGINT NOT NULL, 
	account TEXT NOT NULL, 
	points BIGINT NOT NULL, 
	entries INTEGER NOT NULL, 
	viewer_id BIGINT NOT NULL, 
	CONSTRAINT points_totals_once PRIMARY KEY (guild_id, viewer_id, account), 
	CONSTRAINT points_totals_viewer FOREIGN KEY(guild_id, viewer_id) REFERENCES people_viewers (guild_id, viewer_id)
)
 WITH (fillfactor = 70);

COMMENT ON COLUMN points_totals.points IS 'the sum of the entries';

COMMENT ON COLUMN points_totals.entries IS 'how many there are';

ALTER TABLE points_totals ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE points_moves (
	guild_id BIGINT NOT NULL, 
	key TEXT NOT NULL, 
	amount BIGINT NOT NULL, 
	state TEXT NOT NULL, 
	reason TEXT, 
	day DATE NOT NULL, 
	viewer_id BIGINT NOT NULL, 
	CONSTRAINT points_moves_once PRIMARY KEY (guild_id, key, viewer_id), 
	CONSTRAINT points_moves_operation FOREIGN KEY(guild_id, key) REFERENCES points_operations (guild_id, key), 
	CONSTRAINT points_moves_viewer FOREIGN KEY(guild_id, viewer_id) REFERENCES people_viewers (guild_id, viewer_id), 
	CONSTRAINT points_moves_state CHECK (state IN ('pending', 'confirmed', 'refused')), 
	CONSTRAINT points_moves_amount CHECK (amount > 0)
);

CREATE INDEX points_moves_of_day ON points_moves (guild_id, viewer_id, day);

COMMENT ON COLUMN points_moves.key IS 'the operation''s';

COMMENT ON COLUMN points_moves.reason IS 'of a refusal';

COMMENT ON COLUMN points_moves.day IS 'on which it counts towards the loss limit';

ALTER TABLE points_moves ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE points_limits (
	guild_id BIGINT NOT NULL, 
	daily_loss BIGINT, 
	next_loss BIGINT, 
	next_from DATE, 
	break_until TIMESTAMP WITH TIME ZONE, 
	viewer_id BIGINT NOT NULL, 
	CONSTRAINT points_limits_once PRIMARY KEY (guild_id, viewer_id), 
	CONSTRAINT points_limits_viewer FOREIGN KEY(guild_id, viewer_id) REFERENCES people_viewers (guild_id, viewer_id), 
	CONSTRAINT points_limits_daily_loss CHECK (daily_loss >= 0)
);

COMMENT ON COLUMN points_limits.daily_loss IS 'the most that may be lost in games on a day';

COMMENT ON COLUMN points_limits.next_loss IS 'the limit from next_from on; empty for none';

COMMENT ON COLUMN points_limits.next_from IS 'a higher limit begins on the next day';

COMMENT ON COLUMN points_limits.break_until IS 'takes part in no game until then';

ALTER TABLE points_limits ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE points_import_lines (
	guild_id BIGINT NOT NULL, 
	number INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	points BIGINT NOT NULL, 
	user_id BIGINT, 
	viewer_id BIGINT, 
	skipped BOOLEAN DEFAULT false NOT NULL, 
	CONSTRAINT points_import_lines_once PRIMARY KEY (guild_id, number, name), 
	CONSTRAINT points_import_lines_import FOREIGN KEY(guild_id, number) REFERENCES points_imports (guild_id, number), 
	CONSTRAINT points_import_lines_viewer FOREIGN KEY(guild_id, viewer_id) REFERENCES people_viewers (guild_id, viewer_id)
);

COMMENT ON COLUMN points_import_lines.number IS 'of the import';

COMMENT ON COLUMN points_import_lines.name IS 'folded';

COMMENT ON COLUMN points_import_lines.user_id IS 'at Twitch, as Twitch knows the name';

COMMENT ON COLUMN points_import_lines.viewer_id IS 'whom an admin chose of those who have the name';

COMMENT ON COLUMN points_import_lines.skipped IS 'an admin chose nobody';

ALTER TABLE points_import_lines ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE points_purchases (
	guild_id BIGINT NOT NULL, 
	key TEXT NOT NULL, 
	offer TEXT NOT NULL, 
	quantity INTEGER NOT NULL, 
	points BIGINT NOT NULL, 
	at TIMESTAMP WITH TIME ZONE NOT NULL, 
	platform TEXT DEFAULT '' NOT NULL, 
	channel_id BIGINT DEFAULT '0' NOT NULL, 
	message_id TEXT DEFAULT '' NOT NULL, 
	refused TEXT DEFAULT '' NOT NULL, 
	viewer_id BIGINT NOT NULL, 
	CONSTRAINT points_purchases_once PRIMARY KEY (guild_id, key), 
	CONSTRAINT points_purchases_viewer FOREIGN KEY(guild_id, viewer_id) REFERENCES people_viewers (guild_id, viewer_id)
);

CREATE INDEX points_purchases_of_viewer ON points_purchases (guild_id, viewer_id, at);

COMMENT ON COLUMN points_purchases.key IS 'of the PointsSpent';

COMMENT ON COLUMN points_purchases.channel_id IS 'owner of the chat; 0 without one';

COMMENT ON COLUMN points_purchases.refused IS 'why it was not delivered';

ALTER TABLE points_purchases ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE heists (
	guild_id BIGINT NOT NULL, 
	number INTEGER NOT NULL, 
	state TEXT NOT NULL, 
	opened_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	closes_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	terms TEXT NOT NULL, 
	sealed_seed TEXT NOT NULL, 
	sealed_salt TEXT NOT NULL, 
	commitment TEXT NOT NULL, 
	locked_at TIMESTAMP WITH TIME ZONE, 
	frozen_at TIMESTAMP WITH TIME ZONE, 
	snapshot TEXT, 
	snapshot_hash TEXT, 
	chain TEXT, 
	round INTEGER, 
	round_at TIMESTAMP WITH TIME ZONE, 
	randomness TEXT, 
	signature TEXT, 
	players INTEGER NOT NULL, 
	staked BIGINT NOT NULL, 
	won INTEGER NOT NULL, 
	paid BIGINT NOT NULL, 
	"end" TEXT, 
	ended_at TIMESTAMP WITH TIME ZONE, 
	ready_at TIMESTAMP WITH TIME ZONE, 
	is_unpaid BOOLEAN NOT NULL, 
	viewer_id BIGINT, 
	channel_id BIGINT NOT NULL, 
	message TEXT NOT NULL, 
	version INTEGER NOT NULL, 
	CONSTRAINT heists_numbered PRIMARY KEY (guild_id, number), 
	CONSTRAINT heists_guild FOREIGN KEY(guild_id) REFERENCES guilds (guild_id), 
	CONSTRAINT heists_starter FOREIGN KEY(guild_id, viewer_id) REFERENCES people_viewers (guild_id, viewer_id), 
	CONSTRAINT heists_state CHECK (state IN ('open', 'locked', 'resolving', 'paying', 'cooldown', 'done', 'cancelled'))
);

CREATE UNIQUE INDEX heists_one_running ON heists (guild_id) WHERE state IN ('open', 'locked', 'resolving', 'paying');

CREATE INDEX heists_under_way ON heists (state) WHERE state NOT IN ('done', 'cancelled');

COMMENT ON COLUMN heists.number IS 'counts up within the server';

COMMENT ON COLUMN heists.terms IS 'the settings at its opening, as JSON';

COMMENT ON COLUMN heists.sealed_seed IS 'published with the result';

COMMENT ON COLUMN heists.sealed_salt IS 'hides accounts in the list';

COMMENT ON COLUMN heists.commitment IS 'SHA-256 of the seed, in hex';

COMMENT ON COLUMN heists.locked_at IS 'when joining was over and stakes were asked for';

COMMENT ON COLUMN heists.snapshot_hash IS 'SHA-256, in hex';

COMMENT ON COLUMN heists.chain IS 'the beacon''s';

COMMENT ON COLUMN heists.randomness IS 'the round''s, in hex';

COMMENT ON COLUMN heists.signature IS 'the round''s, in hex';

COMMENT ON COLUMN heists.players IS 'of the frozen list';

COMMENT ON COLUMN heists.won IS 'how many players won';

COMMENT ON COLUMN heists."end" IS 'why it was cancelled';

COMMENT ON COLUMN heists.ready_at IS 'when the next one can start';

COMMENT ON COLUMN heists.is_unpaid IS 'the provider of points has not confirmed the whole payout yet';

COMMENT ON COLUMN heists.channel_id IS 'of the message; 0 without one';

COMMENT ON COLUMN heists.message IS 'random: one that is posted again is a new one';

COMMENT ON COLUMN heists.version IS 'counts the changes';

ALTER TABLE heists ALTER COLUMN guild_id SET STATISTICS 0;

CREATE OR REPLACE FUNCTION heists_kept() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'heists: what was published is not changed'
            USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME;
    END $$;
    CREATE OR REPLACE TRIGGER heists_kept BEFORE UPDATE ON heists FOR EACH ROW
    WHEN ((OLD.number, OLD.opened_at, OLD.terms, OLD.sealed_seed, OLD.sealed_salt, OLD.commitment)
          IS DISTINCT FROM
          (NEW.number, NEW.opened_at, NEW.terms, NEW.sealed_seed, NEW.sealed_salt, NEW.commitment))
    EXECUTE FUNCTION heists_kept();
    CREATE OR REPLACE TRIGGER heists_kept_once_frozen BEFORE UPDATE ON heists FOR EACH ROW
    WHEN (OLD.snapshot IS NOT NULL AND
          (OLD.snapshot, OLD.snapshot_hash, OLD.frozen_at, OLD.chain, OLD.round, OLD.round_at)
          IS DISTINCT FROM
          (NEW.snapshot, NEW.snapshot_hash, NEW.frozen_at, NEW.chain, NEW.round, NEW.round_at))
    EXECUTE FUNCTION heists_kept();;

CREATE TABLE wagers_changes (
	guild_id BIGINT NOT NULL, 
	id BIGINT GENERATED ALWAYS AS IDENTITY, 
	account_id BIGINT NOT NULL, 
	kind TEXT NOT NULL, 
	since TIMESTAMP WITH TIME ZONE NOT NULL, 
	at TIMESTAMP WITH TIME ZONE NOT NULL, 
	total_before NUMERIC NOT NULL, 
	total NUMERIC NOT NULL, 
	amount NUMERIC NOT NULL, 
	held NUMERIC NOT NULL, 
	reason TEXT, 
	campaign_code TEXT DEFAULT '' NOT NULL, 
	releases BIGINT, 
	viewer_id BIGINT NOT NULL, 
	CONSTRAINT wagers_changes_key PRIMARY KEY (guild_id, id), 
	CONSTRAINT wagers_changes_account FOREIGN KEY(guild_id, account_id) REFERENCES wagers_accounts (guild_id, account_id), 
	CONSTRAINT wagers_changes_viewer FOREIGN KEY(guild_id, viewer_id) REFERENCES people_viewers (guild_id, viewer_id), 
	CONSTRAINT wagers_changes_released_once UNIQUE (guild_id, releases), 
	CONSTRAINT wagers_changes_exact CHECK (CASE kind WHEN 'rise' THEN total > total_before AND amount + held = total - total_before WHEN 'fall' THEN total < total_before AND amount = 0 AND held = 0 WHEN 'release' THEN total = total_before AND amount > 0 AND held = 0 WHEN 'dismissal' THEN total = total_before AND amount = 0 AND held = 0 ELSE false END), 
	CONSTRAINT wagers_changes_never_negative CHECK (amount >= 0 AND held >= 0), 
	CONSTRAINT wagers_changes_held_for_a_reason CHECK ((reason IS NOT NULL) = (held > 0 OR releases IS NOT NULL)), 
	CONSTRAINT wagers_changes_reason CHECK (reason IN ('fast', 'returned')), 
	CONSTRAINT wagers_changes_release_of_a_row CHECK ((kind IN ('release', 'dismissal')) = (releases IS NOT NULL))
);

CREATE INDEX wagers_changes_by_time ON wagers_changes (guild_id, at);

CREATE INDEX wagers_changes_odd ON wagers_changes (guild_id, id) WHERE kind <> 'rise' OR held > 0;

CREATE INDEX wagers_changes_of_viewer ON wagers_changes (guild_id, viewer_id, at);

CREATE UNIQUE INDEX wagers_changes_once ON wagers_changes (guild_id, account_id, at) WHERE releases IS NULL;

COMMENT ON COLUMN wagers_changes.since IS 'time of the reading before';

COMMENT ON COLUMN wagers_changes.at IS 'time of this reading, or of the decision';

COMMENT ON COLUMN wagers_changes.total IS 'as reported by the platform';

COMMENT ON COLUMN wagers_changes.amount IS 'what counts as wagered';

COMMENT ON COLUMN wagers_changes.held IS 'implausible; an admin decides';

COMMENT ON COLUMN wagers_changes.reason IS 'why it is held; of a decision: what was decided on';

COMMENT ON COLUMN wagers_changes.campaign_code IS 'folded; under which the total was read';

COMMENT ON COLUMN wagers_changes.releases IS 'id of the newest row that an admin decided on: with all that was held before it for the same reason and account';

ALTER TABLE wagers_changes ALTER COLUMN guild_id SET STATISTICS 0;

CREATE OR REPLACE FUNCTION wagers_changes_for_good() RETURNS trigger
    LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'rows of wagers_changes are neither changed nor deleted'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'wagers_changes_for_good';
    END $$;
    CREATE OR REPLACE TRIGGER wagers_changes_for_good
    BEFORE UPDATE OR DELETE OR TRUNCATE ON wagers_changes
    FOR EACH STATEMENT EXECUTE FUNCTION wagers_changes_for_good();;

CREATE TABLE bonus_hunt_bonuses (
	guild_id BIGINT NOT NULL, 
	hunt INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	slot TEXT NOT NULL, 
	provider TEXT NOT NULL, 
	bet NUMERIC(24, 8) NOT NULL, 
	payout NUMERIC(24, 8), 
	skipped BOOLEAN DEFAULT false NOT NULL, 
	viewer_id BIGINT, 
	CONSTRAINT bonus_hunt_bonuses_numbered PRIMARY KEY (guild_id, hunt, position), 
	CONSTRAINT bonus_hunt_bonuses_hunt FOREIGN KEY(guild_id, hunt) REFERENCES bonus_hunts (guild_id, number), 
	CONSTRAINT bonus_hunt_bonuses_viewer FOREIGN KEY(guild_id, viewer_id) REFERENCES people_viewers (guild_id, viewer_id), 
	CONSTRAINT bonus_hunt_bonuses_bet CHECK (bet > 0), 
	CONSTRAINT bonus_hunt_bonuses_payout CHECK (payout >= 0)
);

COMMENT ON COLUMN bonus_hunt_bonuses.position IS 'counts up within the hunt';

COMMENT ON COLUMN bonus_hunt_bonuses.slot IS 'the game''s title, or what was typed';

COMMENT ON COLUMN bonus_hunt_bonuses.payout IS 'empty until it is opened';

ALTER TABLE bonus_hunt_bonuses ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE bonus_hunt_guesses (
	guild_id BIGINT NOT NULL, 
	hunt INTEGER NOT NULL, 
	viewer_id BIGINT NOT NULL, 
	amount NUMERIC(24, 8) NOT NULL, 
	at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT bonus_hunt_guesses_once PRIMARY KEY (guild_id, hunt, viewer_id), 
	CONSTRAINT bonus_hunt_guesses_hunt FOREIGN KEY(guild_id, hunt) REFERENCES bonus_hunts (guild_id, number), 
	CONSTRAINT bonus_hunt_guesses_viewer FOREIGN KEY(guild_id, viewer_id) REFERENCES people_viewers (guild_id, viewer_id)
);

ALTER TABLE bonus_hunt_guesses ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE bonus_hunt_steps (
	guild_id BIGINT NOT NULL, 
	hunt INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	act TEXT NOT NULL, 
	position INTEGER, 
	before JSONB NOT NULL, 
	CONSTRAINT bonus_hunt_steps_numbered PRIMARY KEY (guild_id, hunt, number), 
	CONSTRAINT bonus_hunt_steps_hunt FOREIGN KEY(guild_id, hunt) REFERENCES bonus_hunts (guild_id, number), 
	CONSTRAINT bonus_hunt_steps_act CHECK (act IN ('add', 'remove', 'edit', 'open', 'result', 'skip', 'guess_open', 'guess_close', 'finish', 'reopen'))
);

COMMENT ON COLUMN bonus_hunt_steps.number IS 'counts up within the hunt';

COMMENT ON COLUMN bonus_hunt_steps.position IS 'of the bonus, if it is about one';

COMMENT ON COLUMN bonus_hunt_steps.before IS 'the hunt and the bonus as they were; no bonus if there was none';

ALTER TABLE bonus_hunt_steps ALTER COLUMN guild_id SET STATISTICS 0;

CREATE TABLE raffle_picks (
	guild_id BIGINT NOT NULL, 
	period INTEGER NOT NULL, 
	k INTEGER NOT NULL, 
	pseudonym TEXT NOT NULL, 
	claimant TEXT, 
	state TEXT NOT NULL, 
	reason TEXT, 
	discord_id BIGINT, 
	drawn_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	expires_at TIMESTAMP WITH TIME ZONE, 
	claimable_since TIMESTAMP WITH TIME ZONE, 
	claimable_at TIMESTAMP WITH TIME ZONE, 
	channel_id BIGINT, 
	posts INTEGER DEFAULT '1' NOT NULL, 
	post_gone BOOLEAN DEFAULT false NOT NULL, 
	claimed_at TIMESTAMP WITH TIME ZONE, 
	delivered_at TIMESTAMP WITH TIME ZONE, 
	delivered_by BIGINT, 
	viewer_id BIGINT, 
	CONSTRAINT raffle_picks_numbered PRIMARY KEY (guild_id, period, k), 
	CONSTRAINT raffle_picks_never_twice UNIQUE (guild_id, period, viewer_id), 
	CONSTRAINT raffle_picks_draw FOREIGN KEY(guild_id, period) REFERENCES raffle_draws (guild_id, period), 
	CONSTRAINT raffle_picks_viewer FOREIGN KEY(guild_id, viewer_id) REFERENCES people_viewers (guild_id, viewer_id), 
	CONSTRAINT raffle_picks_state CHECK (state IN ('drawn', 'claimed', 'delivered', 'expired', 'skipped')), 
	CONSTRAINT raffle_picks_skipped_for_a_reason CHECK ((state = 'skipped') = (reason IS NOT NULL))
);

COMMENT ON COLUMN raffle_picks.k IS 'counts the draws of a raffle, from 1';

COMMENT ON COLUMN raffle_picks.claimant IS 'pseudonym of the Discord member who won; empty if skipped';

COMMENT ON COLUMN raffle_picks.reason IS 'why skipped';

COMMENT ON COLUMN raffle_picks.discord_id IS 'whose the account was when it was drawn';

COMMENT ON COLUMN raffle_picks.expires_at IS 'the last instant to claim';

COMMENT ON COLUMN raffle_picks.claimable_since IS 'when the winner could claim for the first time; empty while nothing reached them';

COMMENT ON COLUMN raffle_picks.claimable_at IS 'the newest instant at which the winner is known to have been able to claim';

COMMENT ON COLUMN raffle_picks.channel_id IS 'Discord channel of the winner''s newest post';

COMMENT ON COLUMN raffle_picks.posts IS 'how often it was posted';

COMMENT ON COLUMN raffle_picks.post_gone IS 'that post was deleted, alone or with its channel';

COMMENT ON COLUMN raffle_picks.viewer_id IS 'empty for somebody who was forgotten before the draw';

ALTER TABLE raffle_picks ALTER COLUMN guild_id SET STATISTICS 0;

CREATE OR REPLACE FUNCTION raffle_kept() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'UPDATE' AND TG_LEVEL = 'ROW' AND NOT EXISTS (
            SELECT FROM jsonb_each(to_jsonb(OLD)) AS was JOIN jsonb_each(to_jsonb(NEW)) AS becomes
             USING (key)
             WHERE was.value <> becomes.value
               AND (key = ANY(string_to_array(TG_ARGV[0], ' '))
                    OR key = ANY(string_to_array(TG_ARGV[1], ' ')) AND was.value <> 'null'
                    OR key = ANY(string_to_array(TG_ARGV[2], ' ')) AND becomes.value <> 'null'))
        THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION USING
            MESSAGE = TG_TABLE_NAME || ': what was published is neither changed nor deleted',
            ERRCODE = 'check_violation', CONSTRAINT = TG_NAME;
    END $$;
    CREATE OR REPLACE TRIGGER raffle_periods_kept BEFORE UPDATE OR DELETE ON raffle_periods
    FOR EACH ROW EXECUTE FUNCTION raffle_kept(
        'guild_id number sealed_seed sealed_salt commitment public_id opened_at winners_wanted');
    CREATE OR REPLACE TRIGGER raffle_periods_prize_kept BEFORE UPDATE ON raffle_periods
    FOR EACH ROW WHEN (OLD.prize <> '') EXECUTE FUNCTION raffle_kept('prize');
    CREATE OR REPLACE TRIGGER raffle_periods_kept_once_frozen BEFORE UPDATE ON raffle_periods
    FOR EACH ROW WHEN (OLD.frozen_at IS NOT NULL) EXECUTE FUNCTION raffle_kept(
        'starts_at ends_at prize winners_wanted frozen_at', 'drawn_at');
    CREATE OR REPLACE TRIGGER raffle_periods_never_back BEFORE UPDATE ON raffle_periods
    FOR EACH ROW WHEN (OLD.state <> 'open' AND NEW.state = 'open'
                       OR OLD.state IN ('drawn', 'closed') AND NEW.state = 'frozen'
                       OR OLD.state = 'closed' AND NEW.state = 'drawn')
    EXECUTE FUNCTION raffle_kept('state');
    CREATE OR REPLACE FUNCTION raffle_periods_in_step() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (
            SELECT FROM raffle_draws AS d WHERE d.guild_id = NEW.guild_id AND d.period = NEW.number
               AND (NEW.drawn_at IS NOT NULL OR d.round IS NOT NULL AND d.randomness IS NULL)
               AND (NEW.drawn_at IS NULL OR d.round IS NULL OR d.randomness IS NOT NULL
                    OR d.given_up_at IS NOT NULL))
        THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION USING
            MESSAGE = TG_TABLE_NAME || ': what was published is neither changed nor deleted',
            ERRCODE = 'check_violation', CONSTRAINT = TG_NAME;
    END $$;
    CREATE OR REPLACE TRIGGER raffle_periods_in_step BEFORE UPDATE ON raffle_periods
    FOR EACH ROW WHEN (OLD.state = 'frozen' AND NEW.state <> 'frozen')
    EXECUTE FUNCTION raffle_periods_in_step();
    CREATE OR REPLACE TRIGGER raffle_periods_drawn_once_frozen BEFORE UPDATE ON raffle_periods
    FOR EACH ROW WHEN (OLD.drawn_at IS NULL AND NEW.drawn_at IS NOT NULL
                       AND (OLD.state <> 'frozen' OR NEW.state NOT IN ('drawn', 'closed'))
                       OR NEW.state = 'drawn' AND NEW.drawn_at IS NULL)
    EXECUTE FUNCTION raffle_kept('state drawn_at');
    CREATE OR REPLACE TRIGGER raffle_announcements_kept
    BEFORE UPDATE OR DELETE ON raffle_announcements FOR EACH ROW EXECUTE FUNCTION raffle_kept(
        'guild_id id period kind at planned_at chain round round_at snapshot_hash');
    CREATE OR REPLACE TRIGGER raffle_draws_kept BEFORE UPDATE OR DELETE ON raffle_draws
    FOR EACH ROW EXECUTE FUNCTION raffle_kept(
        'guild_id period snapshot snapshot_hash entrants tickets left_out frozen_at claim_minutes'
        ' chain round round_at', 'randomness signature given_up_at');
    CREATE OR REPLACE TRIGGER raffle_picks_kept BEFORE UPDATE OR DELETE ON raffle_picks
    FOR EACH ROW EXECUTE FUNCTION raffle_kept(
        'guild_id period k viewer_id pseudonym claimant drawn_at',
        'reason claimable_since claimed_at delivered_at', 'discord_id');
    CREATE OR REPLACE TRIGGER raffle_picks_owned_until_over BEFORE UPDATE ON raffle_picks
    FOR EACH ROW WHEN (OLD.state IN ('drawn', 'claimed') AND NEW.state = OLD.state)
    EXECUTE FUNCTION raffle_kept('discord_id');
    CREATE OR REPLACE TRIGGER raffle_picks_in_step BEFORE UPDATE ON raffle_picks
    FOR EACH ROW WHEN (OLD.state = 'claimed' AND NEW.state NOT IN ('claimed', 'delivered')
                       OR OLD.state = 'drawn' AND NEW.state = 'delivered')
    EXECUTE FUNCTION raffle_kept('state');
    CREATE OR REPLACE FUNCTION raffle_picks_in_time() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE promised interval := (
        SELECT make_interval(mins => claim_minutes) FROM raffle_draws
         WHERE guild_id = NEW.guild_id AND period = NEW.period);
    BEGIN
        IF NEW.expires_at >= GREATEST(NEW.drawn_at, NEW.claimable_since) + promised
           AND (NEW.state <> 'expired' OR COALESCE(NEW.claimable_at >= NEW.expires_at, false))
           OR NEW.expires_at IS NULL AND NEW.state = 'skipped'
        THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION USING
            MESSAGE = TG_TABLE_NAME || ': what was published is neither changed nor deleted',
            ERRCODE = 'check_violation', CONSTRAINT = TG_NAME;
    END $$;
    CREATE OR REPLACE TRIGGER raffle_picks_in_time BEFORE INSERT OR UPDATE ON raffle_picks
    FOR EACH ROW EXECUTE FUNCTION raffle_picks_in_time();
    CREATE OR REPLACE TRIGGER raffle_picks_never_shorter BEFORE UPDATE ON raffle_picks
    FOR EACH ROW WHEN (NEW.expires_at < OLD.expires_at OR NEW.claimable_at < OLD.claimable_at
                       OR OLD.expires_at IS NOT NULL AND NEW.expires_at IS NULL
                       OR OLD.claimable_at IS NOT NULL AND NEW.claimable_at IS NULL)
    EXECUTE FUNCTION raffle_kept('expires_at claimable_at');
    CREATE OR REPLACE TRIGGER raffle_picks_kept_once_over BEFORE UPDATE ON raffle_picks
    FOR EACH ROW WHEN (OLD.state IN ('delivered', 'expired', 'skipped'))
    EXECUTE FUNCTION raffle_kept('state');
    CREATE OR REPLACE TRIGGER raffle_entries_permanent
    BEFORE UPDATE OR DELETE OR TRUNCATE ON raffle_entries
    FOR EACH STATEMENT EXECUTE FUNCTION raffle_kept();
    CREATE OR REPLACE TRIGGER raffle_periods_never_emptied BEFORE TRUNCATE ON raffle_periods
    FOR EACH STATEMENT EXECUTE FUNCTION raffle_kept();
    CREATE OR REPLACE TRIGGER raffle_announcements_never_emptied
    BEFORE TRUNCATE ON raffle_announcements FOR EACH STATEMENT EXECUTE FUNCTION raffle_kept();
    CREATE OR REPLACE TRIGGER raffle_draws_never_emptied BEFORE TRUNCATE ON raffle_draws
    FOR EACH STATEMENT EXECUTE FUNCTION raffle_kept();
    CREATE OR REPLACE TRIGGER raffle_picks_never_emptied BEFORE TRUNCATE ON raffle_picks
    FOR EACH STATEMENT EXECUTE FUNCTION raffle_kept();
    CREATE OR REPLACE FUNCTION raffle_lines_only_while_open() RETURNS trigger
    LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM FROM raffle_periods
          WHERE guild_id = COALESCE(NEW.guild_id, OLD.guild_id)
            AND number = COALESCE(NEW.period, OLD.period) AND state = 'open';
        IF NOT FOUND THEN
            RAISE EXCEPTION USING
                MESSAGE = TG_TABLE_NAME || ': what was published is neither changed nor deleted',
                ERRCODE = 'check_violation', CONSTRAINT = TG_NAME;
        END IF;
        RETURN COALESCE(NEW, OLD);
    END $$;
    CREATE OR REPLACE TRIGGER raffle_balances_lines_added
    BEFORE INSERT ON raffle_balances FOR EACH ROW WHEN (NEW.listed_as IS NOT NULL)
    EXECUTE FUNCTION raffle_lines_only_while_open();
    CREATE OR REPLACE TRIGGER raffle_balances_lines_kept
    BEFORE UPDATE ON raffle_balances FOR EACH ROW
    WHEN (OLD.listed_as IS DISTINCT FROM NEW.listed_as)
    EXECUTE FUNCTION raffle_lines_only_while_open();
    CREATE OR REPLACE TRIGGER raffle_balances_lines_never_deleted
    BEFORE DELETE ON raffle_balances FOR EACH ROW WHEN (OLD.listed_as IS NOT NULL)
    EXECUTE FUNCTION raffle_lines_only_while_open();
    CREATE OR REPLACE FUNCTION raffle_entries_only_while_open() RETURNS trigger
    LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM FROM raffle_periods
          WHERE guild_id = NEW.guild_id AND number = NEW.period AND state = 'open'
            FOR KEY SHARE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'this period takes no more tickets'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'raffle_entries_only_while_open';
        END IF;
        RETURN NEW;
    END $$;
    CREATE OR REPLACE TRIGGER raffle_entries_only_while_open
    BEFORE INSERT ON raffle_entries
    FOR EACH ROW EXECUTE FUNCTION raffle_entries_only_while_open();;

CREATE TABLE heist_players (
	guild_id BIGINT NOT NULL, 
	heist INTEGER NOT NULL, 
	state TEXT NOT NULL, 
	reason TEXT, 
	platform TEXT NOT NULL, 
	joined_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	stake BIGINT NOT NULL, 
	risk TEXT NOT NULL, 
	badge_tier TEXT, 
	tier TEXT, 
	pseudonym TEXT, 
	won BOOLEAN, 
	multiplier INTEGER NOT NULL, 
	payout BIGINT NOT NULL, 
	owed BIGINT NOT NULL, 
	viewer_id BIGINT NOT NULL, 
	CONSTRAINT heist_players_once PRIMARY KEY (guild_id, heist, viewer_id), 
	CONSTRAINT heist_players_heist FOREIGN KEY(guild_id, heist) REFERENCES heists (guild_id, number), 
	CONSTRAINT heist_players_viewer FOREIGN KEY(guild_id, viewer_id) REFERENCES people_viewers (guild_id, viewer_id), 
	CONSTRAINT heist_players_state CHECK (state IN ('pending', 'in', 'refused')), 
	CONSTRAINT heist_players_risk CHECK (risk IN ('low', 'medium', 'high')), 
	CONSTRAINT heist_players_points CHECK (stake >= 0 AND payout >= 0 AND owed >= 0)
);

CREATE INDEX heist_players_lately ON heist_players (guild_id, viewer_id, joined_at);

CREATE INDEX heist_players_owed ON heist_players (guild_id, heist) WHERE owed > 0;

COMMENT ON COLUMN heist_players.reason IS 'of a refusal';

COMMENT ON COLUMN heist_players.badge_tier IS 'what the badges of the joining message said';

COMMENT ON COLUMN heist_players.tier IS 'that counts';

COMMENT ON COLUMN heist_players.pseudonym IS 'in the frozen list';

COMMENT ON COLUMN heist_players.multiplier IS 'in ten-thousandths';

COMMENT ON COLUMN heist_players.owed IS 'what the provider of points refused to pay; admins decide';

ALTER TABLE heist_players ALTER COLUMN guild_id SET STATISTICS 0;

