"""Linking (a viewer proves that an account is theirs, from Discord to the platform's consent page
and back) and unlinking.
"""
