"""Roles: members get them for watchtime, or for linking an account, and lose them again."""
