"""What features show in OBS: addresses with a key of their own, pages that update themselves."""
