"""The streamer's Kick account, tied to a Discord server by OAuth: connecting and disconnecting, the
tokens and their renewal, and what is known of the channel that streams for the server."""
