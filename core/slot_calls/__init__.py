"""Slot calls: a viewer asks in chat for a slot to be played, the call appears in a Discord channel
with buttons for the moderators, and the chat hears that it is in the queue.

The smallest complete feature; start here to see how one is built.
"""
