"""What people may ask about themselves: everything that is stored, and to be forgotten."""
