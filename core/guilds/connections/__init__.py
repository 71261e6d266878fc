"""What the services that are connected to a server have in common: their accounts, and the chats
that admins write in and test."""
