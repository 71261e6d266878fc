"""Speaking in Kick's chat: with which voice, how gently, and the proof that it works."""
