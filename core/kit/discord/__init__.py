"""Discord: commands, messages, buttons, REST."""
