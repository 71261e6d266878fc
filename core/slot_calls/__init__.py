"""Slot calls: viewers request slots in chat with `!call`, and moderators work through the queue in
a Discord channel. The smallest complete feature; start here to see how one is built.
"""

from core.kit.text.words import N_

TITLE = N_("Slot requests")
