"""Discord roles for those who watch: which role comes with how many minutes, and who has it.

What is to be changed is computed first, from what members hold, what they have earned and what we
gave before; only the differences are asked of Discord, through the outbox.
"""
