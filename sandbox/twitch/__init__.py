"""A fake Twitch: OAuth, the API (Helix) as far as a bot needs it, EventSub over webhooks and
WebSockets, and what people do in chat. Behaviour is from Twitch's documentation."""
