"""A viewer proves that a Kick account is theirs: the way from Discord to Kick's consent and back,
and the way out again."""
