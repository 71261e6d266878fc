"""The pretend Discord: REST API v10, gateway and the hands of the people who use it.

Shapes, limits and error codes follow https://discord.com/developers/docs and what discord.py
2.7 reads from them. One bot application exists; people act through `/control/discord/...`.
"""
