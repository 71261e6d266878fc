"""The streamer's and the bot's Twitch accounts, tied to a Discord server by OAuth."""
