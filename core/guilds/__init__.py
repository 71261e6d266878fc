"""Discord servers: the channels that they follow, their settings, permissions and audit log."""

from core.kit.text.words import N_

TITLE = N_("Server")
