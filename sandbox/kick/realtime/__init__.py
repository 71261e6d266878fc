"""The fake realtime feed: negotiation, a Centrifugo server and a Pusher server. The feed is
unofficial; where Kick's behaviour is not recorded, the comment says "guess". Both transports carry
the same feeds and events, without history or recovery."""
