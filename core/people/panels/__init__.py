"""Link panels: messages in a server's channels where a reaction or a button starts linking."""
