"""The fake Discord: REST API v10, gateway, and what people do there (`/control/discord/...`).
Shapes, limits and error codes follow https://discord.com/developers/docs and what discord.py 2.7
reads from them. There is one bot application."""
