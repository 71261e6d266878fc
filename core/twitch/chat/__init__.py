"""Writing in Twitch's chat."""
